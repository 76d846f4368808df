package dev.cloister.cli;

import dev.cloister.cli.bench.ScaleBench;
import dev.cloister.core.config.CloisterConfig;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How the server grows. */
@Command(
        name = "scale",
        description =
                "Measure how a server grows with the tenants that it knows and with the turns that run at once, on"
                        + " servers of its own, with the real agent and no model.",
        footer = {
            "",
            "Ends with 1 if the last number of tenants takes more than 20 MiB over the first, the last tenants' first requests",
            "take more than 1.2 times as long as the first's, or the most turns at once have an error, grow the server by more",
            "than a tenth when they are done again, or do not fit into the memory."
        },
        mixinStandardHelpOptions = true)
final class BenchScaleCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ReportOptions report = new ReportOptions();

    @Option(
            names = "--tenants",
            paramLabel = "N",
            split = ",",
            defaultValue = "100,1000,10000",
            description = "Numbers of tenants, ascending (default: ${DEFAULT-VALUE}).")
    private List<Integer> tenants = List.of();

    @Option(
            names = "--warm-ups",
            paramLabel = "N",
            defaultValue = "2000",
            description = "Requests of one tenant that are not timed before (default: ${DEFAULT-VALUE}).")
    private int warmUps;

    @Option(
            names = "--turns",
            paramLabel = "N",
            split = ",",
            defaultValue = "1,4,16,64",
            description = "Numbers of turns at once, ascending (default: ${DEFAULT-VALUE}).")
    private List<Integer> turns = List.of();

    @Override
    public Integer call() throws Exception {
        if (!isAscending(tenants) || !isAscending(turns)) {
            throw new ParameterException(
                    spec.commandLine(), "--tenants and --turns must be numbers from 1 that ascend, such as 1,4,16");
        }
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        return report.show(console, ScaleBench.run(new ScaleBench.Amount(tenants, warmUps, turns), console.progress()));
    }

    private static boolean isAscending(List<Integer> numbers) {
        int before = 0;
        for (int number : numbers) {
            if (number <= before) {
                return false;
            }
            before = number;
        }
        return !numbers.isEmpty();
    }
}
