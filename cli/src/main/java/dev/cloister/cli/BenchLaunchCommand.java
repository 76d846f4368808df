package dev.cloister.cli;

import dev.cloister.cli.bench.Budget;
import dev.cloister.cli.bench.LaunchBench;
import dev.cloister.cli.bench.Machine;
import dev.cloister.cli.bench.Measured;
import dev.cloister.core.config.CloisterConfig;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What a launch costs. A missed budget is a result and no failure. */
@Command(
        name = "launch",
        description =
                "Time /bin/true from spawn to reaped, bare and behind each kind of wall that this host has, in turns.",
        footer = {
            "",
            "Compare ratios: times differ between machines and with what else runs. With CLOISTER_BENCH_CONTAINER=NAME",
            "`docker exec` in that running container is timed as well."
        },
        mixinStandardHelpOptions = true)
final class BenchLaunchCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "200",
            description = "How often each is timed (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() {
        if (rounds < 1) {
            throw new ParameterException(spec.commandLine(), "--rounds must be 1 or more");
        }
        CloisterConfig config = configuration.load(Map.of());
        Logging.configure(config.log());
        Console console = Console.of(spec);
        LaunchBench.Report report = LaunchBench.run(config, System.getenv(), rounds, console.progress());
        if (json) {
            console.print(json(report));
        } else {
            print(console.out(), report);
        }
        console.out().flush();
        return 0;
    }

    private static ObjectNode json(LaunchBench.Report report) {
        ObjectNode all = JsonMapper.shared().createObjectNode();
        all.set("machine", report.machine().json());
        ArrayNode results = all.putArray("results");
        for (Measured one : report.results()) {
            ObjectNode result = results.addObject()
                    .put("name", one.name())
                    .put("p50_ms", one.p50())
                    .put("min_ms", one.min())
                    .put("max_ms", one.max())
                    .put("p95_ms", one.p95())
                    .put("n", one.n());
            report.ratio(one).ifPresent(ratio -> result.put("ratio", ratio));
        }
        ArrayNode budgets = all.putArray("budgets");
        for (Budget.Verdict verdict : Budget.judge(report.results())) {
            budgets.addObject().put("budget", verdict.budget().words()).put("outcome", verdict.outcome());
        }
        ArrayNode leftOut = all.putArray("left_out");
        report.leftOut()
                .forEach((name, why) -> leftOut.addObject().put("name", name).put("why", why));
        return all;
    }

    private static void print(PrintWriter out, LaunchBench.Report report) {
        Machine machine = report.machine();
        out.printf(
                "%s, %s, %d × %s, as uid %d, Java %s%nload average %s before, %s after%n%n",
                machine.kernel(),
                machine.architecture(),
                machine.processors(),
                machine.processor(),
                machine.uid(),
                machine.java(),
                machine.loadBefore(),
                machine.loadAfter());
        out.printf("  %-24s %8s %8s %8s %8s %6s %8s%n", "/bin/true", "p50 ms", "min", "p95", "max", "n", "× floor");
        for (Measured one : report.results()) {
            out.printf(
                    "  %-24s %8.3f %8.3f %8.3f %8.3f %6d %8s%n",
                    one.name(),
                    one.p50(),
                    one.min(),
                    one.p95(),
                    one.max(),
                    one.n(),
                    report.ratio(one).map("%.2f"::formatted).orElse("-"));
        }
        out.printf("%nbudgets%n");
        for (Budget.Verdict verdict : Budget.judge(report.results())) {
            out.printf("  %-58s %s%n", verdict.budget().words(), verdict.outcome());
        }
        if (!report.leftOut().isEmpty()) {
            out.printf("%nleft out%n");
            report.leftOut().forEach((name, why) -> out.printf("  %s: %s%n", name, why));
        }
    }
}
