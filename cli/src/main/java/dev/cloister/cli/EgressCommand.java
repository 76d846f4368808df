package dev.cloister.cli;

import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.store.Store;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What tenants reached that no rule names, as rules. */
@Command(
        name = "egress",
        description = "Print the rules that what was reached in egress.mode observe or open would have needed.",
        mixinStandardHelpOptions = true)
final class EgressCommand implements Callable<Integer> {
    private static final int PAGE = 500;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Option(names = "--tenant", paramLabel = "TENANT", description = "Only of this tenant.")
    private @Nullable String tenant;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() {
        Map<String, Set<String>> observed = observed();
        Set<String> rules = new TreeSet<>();
        observed.values().forEach(rules::addAll);
        Console console = Console.of(spec);
        if (json) {
            ObjectNode report = JsonMapper.shared().createObjectNode();
            rules.forEach(report.putArray("rules")::add);
            ObjectNode tenants = report.putObject("tenants");
            observed.forEach((id, own) -> own.forEach(tenants.putArray(id)::add));
            console.print(report);
        } else if (rules.isEmpty()) {
            console.out().println("nothing was reached that no rule names; set egress.mode to observe to find out");
        } else {
            console.out().println("egress:");
            console.out().println("  mode: allowlist");
            console.out().println("  rules:");
            rules.forEach(rule -> console.out().println("    - \"" + rule + "\""));
        }
        console.out().flush();
        return 0;
    }

    private Map<String, Set<String>> observed() {
        Map<String, Set<String>> observed = new TreeMap<>();
        DataDirectory data =
                DataDirectory.open(configuration.load(Map.of()).paths().data());
        try (Store store = data.store()) {
            long after = 0;
            List<AuditEntry> page = store.audit(after, PAGE);
            while (!page.isEmpty()) {
                for (AuditEntry entry : page) {
                    after = entry.seq();
                    if (entry.action().equals("egress.observed")
                            && (tenant == null || entry.actor().equals(tenant))) {
                        observed.computeIfAbsent(entry.actor(), id -> new TreeSet<>())
                                .add(JsonMapper.shared()
                                        .readTree(entry.detail())
                                        .path("rule")
                                        .asString());
                    }
                }
                page = store.audit(after, PAGE);
            }
        }
        return observed;
    }
}
