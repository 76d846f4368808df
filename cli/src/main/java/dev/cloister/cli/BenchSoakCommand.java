package dev.cloister.cli;

import dev.cloister.cli.bench.SoakBench;
import dev.cloister.core.config.CloisterConfig;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whether the server keeps its promises when it is busy for long. */
@Command(
        name = "soak",
        description =
                "Let clients of several tenants do at random what clients do, kill agents meanwhile, and check every"
                        + " answer and what is left, on a server of its own with the real agent and no model.",
        footer = {
            "",
            "Ends with 1 if anything fails that was not brought about, a session is lost, something is left over, the audit log",
            "is not whole, or the server grows by more than a tenth between the second and the last quarter of the time."
        },
        mixinStandardHelpOptions = true)
final class BenchSoakCommand implements Callable<Integer> {
    private static final double SECONDS_PER_MINUTE = 60;
    private static final double LEAST_SECONDS = 1;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ReportOptions report = new ReportOptions();

    @Option(
            names = "--minutes",
            paramLabel = "N",
            defaultValue = "20",
            description = "How long, such as 20 or 0.5 (default: ${DEFAULT-VALUE}).")
    private double minutes;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "What is drawn, to do the same again as far as timing allows (default: a new one, printed).")
    private @Nullable Integer seed;

    @Override
    public Integer call() throws Exception {
        double seconds = minutes * SECONDS_PER_MINUTE;
        if (!(seconds >= LEAST_SECONDS)) {
            throw new ParameterException(spec.commandLine(), "--minutes must be a second or more");
        }
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        int drawn = seed == null ? new SecureRandom().nextInt(Integer.MAX_VALUE) : seed;
        return report.show(
                console, SoakBench.run(Duration.ofMillis(Math.round(seconds * 1000)), drawn, console.progress()));
    }
}
