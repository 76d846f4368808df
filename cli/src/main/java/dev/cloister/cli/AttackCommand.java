package dev.cloister.cli;

import dev.cloister.cli.attack.AttackReport;
import dev.cloister.cli.attack.AttackRun;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Vantage;
import dev.cloister.isolation.tck.corpus.Corpus;
import dev.cloister.spi.IsolationMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The promises of each mode, attacked on this host. */
@Command(
        name = "attack",
        description =
                "Let one throw-away tenant attack another in each isolation mode of this host, in every way that is known.",
        footer = {
            "",
            "Each attack is made without any isolation too: one that fails even then is INVALID and proves nothing.",
            "Ends with 1 if an attack passed that the mode promises to stop on this host."
        },
        mixinStandardHelpOptions = true)
final class AttackCommand implements Callable<Integer> {
    /** Small, so that exhaustion comes soon and harms nobody. */
    private static final Map<String, String> LIMITS = Map.of(
            "isolation.memory",
            "512MiB",
            "isolation.pids",
            "128",
            "isolation.tmp",
            "64MiB",
            "broker.body",
            "1MiB",
            "log.level",
            "warn",
            "isolation.cpus",
            "0.5");

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Option(
            names = "--isolation",
            paramLabel = "MODE",
            defaultValue = "all",
            description = "directories, namespaces, chroot, container, microvm or all (default: all).")
    private String isolation = "all";

    @Option(names = "--family", paramLabel = "FAMILY", description = "Only attacks of this family.")
    private @Nullable String family;

    @Option(
            names = "--vantage",
            paramLabel = "VANTAGE",
            split = ",",
            description = "Only attacks from there: sandbox (code), agent or api; commas between several.")
    private @Nullable List<String> vantages;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Option(names = "--html", paramLabel = "FILE", description = "Write a report for a browser or a printer.")
    private @Nullable Path html;

    @Override
    public Integer call() throws Exception {
        Predicate<IsolationMode> modes = modes();
        List<Attack> attacks = attacks();
        Logging.configure(configured(Map.of()).log());
        Console console = Console.of(spec);
        AttackRun.Report report = AttackRun.run(this::configured, attacks, modes, console.progress());
        if (html != null) {
            Files.writeString(html, AttackReport.html(report), StandardCharsets.UTF_8);
        }
        if (json) {
            console.print(AttackReport.json(report));
        } else {
            console.out().println(AttackReport.text(report));
        }
        console.out().flush();
        return AttackReport.broken(report).isEmpty() ? 0 : 1;
    }

    private CloisterConfig configured(Map<String, String> more) {
        Map<String, String> all = new HashMap<>(LIMITS);
        all.putAll(more);
        return configuration.load(all);
    }

    private Predicate<IsolationMode> modes() {
        if (isolation.equals("all")) {
            return mode -> true;
        }
        Optional<IsolationMode> one = IsolationMode.of(isolation);
        if (one.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--isolation: directories, namespaces, chroot, container, microvm or all, not " + isolation);
        }
        return one.get()::equals;
    }

    private List<Attack> attacks() {
        Set<String> known = Stream.of(Vantage.values()).map(Vantage::id).collect(Collectors.toSet());
        List<Attack> attacks = Corpus.attacks().stream()
                .filter(attack -> vantages == null || known.containsAll(vantages))
                .filter(attack -> family == null || attack.family().id().equals(family))
                .filter(attack ->
                        vantages == null || vantages.contains(attack.vantage().id()))
                .toList();
        if (attacks.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "no attack is like that; --family: one of "
                            + Stream.of(Family.values()).map(Family::id).collect(Collectors.joining(", "))
                            + "; --vantage: one of "
                            + Stream.of(Vantage.values()).map(Vantage::id).collect(Collectors.joining(", ")));
        }
        return attacks;
    }
}
