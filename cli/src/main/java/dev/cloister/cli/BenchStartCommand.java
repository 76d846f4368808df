package dev.cloister.cli;

import dev.cloister.cli.bench.StartBench;
import dev.cloister.core.config.CloisterConfig;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What a start costs. */
@Command(
        name = "start",
        description =
                "Start servers as processes, in turns with each collector and with the ahead-of-time cache and without, and time"
                        + " their first answer and their readiness.",
        footer = {
            "",
            "Ends with 1 if the first answer with the cache takes more than 600 ms, or the idle server has more than 140 MiB."
        },
        mixinStandardHelpOptions = true)
final class BenchStartCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ReportOptions report = new ReportOptions();

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How often each is started (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--idle",
            paramLabel = "SECONDS",
            defaultValue = "5",
            description = "How long nothing happens before memory is looked at (default: ${DEFAULT-VALUE}).")
    private int idle;

    @Option(names = "--only", paramLabel = "NAME", description = "Only this one, such as \"serial, cache\".")
    private @Nullable String only;

    @Override
    public Integer call() throws Exception {
        if (rounds < 1 || idle < 0) {
            throw new ParameterException(spec.commandLine(), "--rounds must be 1 or more, --idle 0 or more");
        }
        if (only != null && !StartBench.names().contains(only)) {
            throw new ParameterException(spec.commandLine(), "--only: one of " + String.join("; ", StartBench.names()));
        }
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        return report.show(
                console,
                StartBench.run(
                        rounds,
                        Duration.ofSeconds(idle),
                        name -> only == null || only.equals(name),
                        console.progress()));
    }
}
