package dev.cloister.cli;

import dev.cloister.cli.wiring.Doctor;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What this host can hold. */
@Command(
        name = "doctor",
        description =
                "Try every isolation mode on this host and say what holds, what does not, and what to do about it.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    private static final int NO_MODE = 2;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() {
        CloisterConfig config = configuration.load(Map.of());
        Logging.configure(config.log());
        Console console = Console.of(spec);
        Doctor.Report report = Doctor.examine(config, step -> console.progress().accept(step + " …"));
        if (json) {
            console.print(json(report));
        } else {
            print(console.out(), report);
        }
        console.out().flush();
        return report.modes().stream().allMatch(mode -> mode.availability() instanceof Availability.Unavailable)
                ? NO_MODE
                : 0;
    }

    private static String word(Availability availability) {
        return switch (availability) {
            case Availability.Available available -> "available";
            case Availability.Degraded degraded -> "degraded";
            case Availability.Unavailable unavailable -> "unavailable";
        };
    }

    private static ObjectNode json(Doctor.Report report) {
        ObjectNode all = JsonMapper.shared().createObjectNode();
        all.putObject("host")
                .put("kernel", report.host().kernel())
                .put("architecture", report.host().architecture())
                .put("uid", report.host().serverUid());
        ArrayNode modes = all.putArray("modes");
        for (Doctor.Examined mode : report.modes()) {
            ObjectNode one =
                    modes.addObject().put("mode", mode.mode().id()).put("availability", word(mode.availability()));
            ArrayNode guarantees = one.putArray("guarantees");
            mode.availability().holds().forEach(guarantee -> guarantees.add(guarantee.name()));
            ArrayNode findings = one.putArray("findings");
            mode.availability()
                    .findings()
                    .forEach(finding -> findings.addObject()
                            .put("what", finding.what())
                            .put("why", finding.why())
                            .put("remedy", finding.remedy()));
        }
        return all;
    }

    private static void print(PrintWriter out, Doctor.Report report) {
        out.println(report.host().kernel() + ", " + report.host().architecture() + ", as uid "
                + report.host().serverUid());
        out.println();
        Set<Guarantee> shown = report.modes().stream()
                .flatMap(mode -> mode.availability().holds().stream())
                .collect(Collectors.toSet());
        String head = "  %-34s";
        out.printf(head, "");
        report.modes().forEach(mode -> out.printf("  %-12s", mode.mode().id()));
        out.println();
        out.printf(head, "");
        report.modes().forEach(mode -> out.printf("  %-12s", word(mode.availability())));
        out.println();
        for (Guarantee guarantee : Guarantee.values()) {
            if (shown.contains(guarantee)) {
                out.printf(head, guarantee);
                report.modes()
                        .forEach(mode -> out.printf(
                                "  %-12s", mode.availability().holds().contains(guarantee) ? "holds" : "-"));
                out.println();
            }
        }
        Map<Finding, List<String>> findings = new LinkedHashMap<>();
        report.modes()
                .forEach(mode -> mode.availability()
                        .findings()
                        .forEach(finding ->
                                findings.merge(finding, List.of(mode.mode().id()), DoctorCommand::joined)));
        findings.forEach((finding, modes) -> {
            out.println();
            out.println(String.join(", ", modes) + ": " + finding.what());
            out.println("  why:    " + finding.why());
            out.println("  remedy: " + finding.remedy());
        });
    }

    private static List<String> joined(List<String> some, List<String> more) {
        return Stream.concat(some.stream(), more.stream()).toList();
    }
}
