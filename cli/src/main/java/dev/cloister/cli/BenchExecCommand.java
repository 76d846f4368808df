package dev.cloister.cli;

import dev.cloister.cli.bench.ExecBench;
import dev.cloister.core.config.CloisterConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What a command costs over HTTP. */
@Command(
        name = "exec",
        description =
                "Time POST /v1/exec of /bin/true beside the launcher alone and the least that a jail costs, one at a time and 16"
                        + " at once, and GET /healthz while many commands are silent, on a server of its own in namespaces mode.",
        footer = {
            "",
            "Ends with 1 if p50 is more than 4 times the floor's, 16 clients get less than 60 % of what the launcher alone does,",
            "or p95 of GET /healthz beside the silent commands is more than 20 ms."
        },
        mixinStandardHelpOptions = true)
final class BenchExecCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ReportOptions report = new ReportOptions();

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "200",
            description = "How often each is timed (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--warm-ups",
            paramLabel = "N",
            defaultValue = "1500",
            description = "How many are not timed before (default: ${DEFAULT-VALUE}).")
    private int warmUps;

    @Option(
            names = "--streams",
            paramLabel = "N",
            defaultValue = "400",
            description = "How many silent commands are open at once (default: ${DEFAULT-VALUE}).")
    private int streams;

    @Override
    public Integer call() throws Exception {
        if (rounds < 1 || streams < 1) {
            throw new ParameterException(spec.commandLine(), "--rounds and --streams must be 1 or more");
        }
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        return report.show(console, ExecBench.run(new ExecBench.Amount(rounds, warmUps, streams), console.progress()));
    }
}
