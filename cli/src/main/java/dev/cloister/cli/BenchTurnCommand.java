package dev.cloister.cli;

import dev.cloister.cli.bench.BenchReport;
import dev.cloister.cli.bench.TurnBench;
import dev.cloister.core.config.CloisterConfig;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What a turn takes by way of the server. */
@Command(
        name = "turn",
        description =
                "Time a turn until the model's first event and to its end: by a server of its own, cold, prewarmed and warm, and"
                        + " by the agent's program started by hand, in turns, with an upstream that plays scripts.",
        footer = {
            "",
            "Ratios are to the first event of the agent's program started by hand. Ends with 1 if warm takes 5 ms more than by",
            "hand, cold more than 1.1 times as long, or prewarmed more than 1.3 times as long."
        },
        mixinStandardHelpOptions = true)
final class BenchTurnCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Mixin
    private final ReportOptions report = new ReportOptions();

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "30",
            description = "How often each is timed (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--peers",
            description =
                    "Measure other HTTP front ends of the agent's program, too; the cloister script installs them.")
    private boolean peers;

    @Override
    public Integer call() throws Exception {
        if (rounds < 1) {
            throw new ParameterException(spec.commandLine(), "--rounds must be 1 or more");
        }
        Optional<Path> installed = peers ? TurnBench.installedPeers(System.getenv()) : Optional.empty();
        if (peers && installed.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "--peers: start through ./cloister, which installs them");
        }
        CloisterConfig config = configuration.load(Map.of());
        Logging.configure(config.log());
        Console console = Console.of(spec);
        BenchReport found = TurnBench.run(config, rounds, installed, console.progress());
        return report.show(console, found);
    }
}
