package dev.cloister.cli;

import dev.cloister.cli.bench.EgressBench;
import dev.cloister.cli.bench.EgressBench.Report;
import dev.cloister.core.config.CloisterConfig;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What the way through the egress proxy costs. */
@Command(
        name = "egress",
        description =
                "Measure one stream, the first byte and 500 connections at once, from a sandbox through the egress proxy and"
                        + " without either, on a server of its own in namespaces mode.",
        footer = {
            "",
            "Ends with 1 if less than 60 % of the throughput is left, the first byte takes more than 3 ms longer, a connection",
            "fails, or the server grows by more than a tenth."
        },
        mixinStandardHelpOptions = true)
final class BenchEgressCommand implements Callable<Integer> {
    private static final int MIB_SHIFT = 20;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "5",
            description = "How often each is measured (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--mib",
            paramLabel = "N",
            defaultValue = "512",
            description = "MiB of one stream (default: ${DEFAULT-VALUE}).")
    private int mib;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        if (rounds < 1 || mib < 1) {
            throw new ParameterException(spec.commandLine(), "--rounds and --mib must be 1 or more");
        }
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        Report report = EgressBench.run(rounds, (long) mib << MIB_SHIFT, console.progress());
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
        ObjectNode stream = all.putObject("stream");
        report.streamDirect().forEach(stream.putArray("direct_mib_s")::add);
        report.streamThrough().forEach(stream.putArray("through_mib_s")::add);
        stream.put("ratio", report.stream()).put("least", EgressBench.LEAST_STREAM);
        all.putObject("first_byte")
                .put("direct_p50_ms", report.firstByteDirect().p50())
                .put("through_p50_ms", report.firstByteThrough().p50())
                .put("n", report.firstByteThrough().n())
                .put("more_ms", report.firstByte())
                .put("most_ms", EgressBench.MOST_FIRST_BYTE);
        ObjectNode parallel = all.putObject("parallel")
                .put("connections", EgressBench.CONNECTIONS)
                .put("open", report.opened())
                .put("done", report.done());
        report.seconds().forEach(parallel.putArray("seconds")::add);
        report.sizes().forEach(parallel.putArray("server_mib")::add);
        parallel.put("growth", report.growth()).put("most_growth", EgressBench.MOST_GROWTH);
        return all.put("met", report.isMet());
    }

    private static void print(PrintWriter out, Report report) {
        out.printf("  %-38s %14s %14s %10s%n", "", "direct", "through", "");
        out.printf(
                "  %-38s %14s %14s %9.2f ×%n",
                "one stream, MiB/s", report.streamDirect(), report.streamThrough(), report.stream());
        out.printf(
                "  %-38s %14.2f %14.2f %+9.2f%n",
                "first byte of a connection, p50 ms",
                report.firstByteDirect().p50(),
                report.firstByteThrough().p50(),
                report.firstByte());
        out.printf(
                "  %-38s %14s %14s%n",
                EgressBench.CONNECTIONS + " connections at once",
                "",
                report.done() + " done in " + report.seconds() + " s");
        out.printf("  %-38s %14s %14s %9.2f ×%n", "the server's size, MiB", "", report.sizes(), report.growth());
        out.printf("%nWhat was promised of it: %s%n", report.isMet() ? "met" : "MISSED");
    }
}
