package dev.cloister.cli;

import dev.cloister.cli.bench.ExhaustionBench;
import dev.cloister.cli.bench.ExhaustionBench.During;
import dev.cloister.cli.bench.ExhaustionBench.Report;
import dev.cloister.cli.bench.Measured;
import dev.cloister.core.config.CloisterConfig;
import java.io.PrintWriter;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What one tenant notices of another that takes all it can get. */
@Command(
        name = "exhaustion",
        description =
                "Time one tenant's POST /v1/exec of /bin/true, quiet and while another exhausts memory, processes, processor,"
                        + " disk and output, on a server of its own in namespaces mode with small limits.",
        footer = {"", "Ends with 1 if p95 became more than 3 times what it is when all is quiet."},
        mixinStandardHelpOptions = true)
final class BenchExhaustionCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "200",
            description = "How many commands are timed during each (default: ${DEFAULT-VALUE}).")
    private int samples;

    @Option(
            names = "--warm-ups",
            paramLabel = "N",
            defaultValue = "1500",
            description = "How many are not timed before (default: ${DEFAULT-VALUE}).")
    private int warmUps;

    @Option(names = "--only", paramLabel = "NAME", description = "Only this way of exhausting.")
    private @Nullable String only;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        if (samples < 1) {
            throw new ParameterException(spec.commandLine(), "--samples must be 1 or more");
        }
        if (only != null && !ExhaustionBench.names().contains(only)) {
            throw new ParameterException(
                    spec.commandLine(), "--only: one of " + String.join(", ", ExhaustionBench.names()));
        }
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        Predicate<String> wanted = name -> only == null || only.equals(name);
        Report report = ExhaustionBench.run(samples, warmUps, wanted, console.progress());
        if (json) {
            console.print(json(report));
        } else {
            print(console.out(), report);
        }
        console.out().flush();
        return report.isMet() ? 0 : 1;
    }

    private static ObjectNode json(Report report) {
        ObjectNode all = JsonMapper.shared().createObjectNode();
        all.set("machine", report.machine().json());
        ObjectNode limits = all.putObject("limits");
        new TreeMap<>(ExhaustionBench.LIMITS).forEach(limits::put);
        put(all.putObject("quiet"), report.quiet());
        put(all.putObject("quiet_first"), report.first());
        put(all.putObject("quiet_last"), report.last());
        ArrayNode during = all.putArray("during");
        for (During one : report.during()) {
            ObjectNode node = during.addObject().put("name", one.measured().name());
            put(node, one.measured());
            node.put("runs", one.runs()).put("ratio", report.ratio(one));
        }
        return all.put("allowed", ExhaustionBench.ALLOWED).put("met", report.isMet());
    }

    private static void put(ObjectNode node, Measured measured) {
        node.put("p50_ms", measured.p50())
                .put("p95_ms", measured.p95())
                .put("max_ms", measured.max())
                .put("n", measured.n());
    }

    private static void print(PrintWriter out, Report report) {
        out.printf("  %-30s %9s %9s %9s %6s %6s %8s%n", "while A does", "p50 ms", "p95", "max", "n", "runs", "× quiet");
        line(out, report.first(), "quiet, at first", "");
        line(out, report.last(), "quiet, at last", "");
        line(out, report.quiet(), "quiet, all", "");
        for (During one : report.during()) {
            line(out, one.measured(), one.measured().name(), "%6d %8.2f".formatted(one.runs(), report.ratio(one)));
        }
        out.printf(
                "%np95 of B's `true` stays within %.0f × quiet: %s%n",
                ExhaustionBench.ALLOWED, report.isMet() ? "met" : "MISSED");
    }

    private static void line(PrintWriter out, Measured measured, String name, String more) {
        out.printf(
                "  %-30s %9.2f %9.2f %9.2f %6d %s%n",
                name, measured.p50(), measured.p95(), measured.max(), measured.n(), more);
    }
}
