package dev.cloister.cli;

import dev.cloister.cli.bench.LaunchBench;
import dev.cloister.core.config.CloisterConfig;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What each mode costs. A missed promise is a result and no failure. */
@Command(
        name = "launch",
        description =
                "Time /bin/true from spawn to reaped, bare and behind each kind of wall that this host has, in turns; then what a"
                        + " tenant's first use, its return and its turns take in each mode, and its memory while nothing runs.",
        footer = {
            "",
            "Compare ratios: times differ between machines and with what else runs. Memory is that of the processes that come with",
            "the tenants and go with them, as PSS, and the growth of the kernel's; let nothing else start meanwhile. A mode",
            "that the host does not have is left out, and so are turns where the agent's program is not known."
        },
        mixinStandardHelpOptions = true)
final class BenchLaunchCommand implements Callable<Integer> {
    private static final int MOST_TENANTS = 1000;

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
            defaultValue = "200",
            description = "How often each command is timed (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--tenants",
            paramLabel = "N",
            defaultValue = "10",
            description = "How many idle tenants of a mode there are at once; 0: none (default: ${DEFAULT-VALUE}).")
    private int tenants;

    @Option(
            names = "--turns",
            paramLabel = "N",
            defaultValue = "10",
            description = "How many turns of the agent are timed in each mode; 0: none (default: ${DEFAULT-VALUE}).")
    private int turns;

    @Override
    public Integer call() throws Exception {
        if (rounds < 1 || tenants < 0 || tenants > MOST_TENANTS || turns < 0) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--rounds must be 1 or more, --tenants 0 to %d, --turns 0 or more".formatted(MOST_TENANTS));
        }
        CloisterConfig config = configuration.load(Map.of());
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        Console console = Console.of(spec);
        report.show(
                console,
                LaunchBench.run(
                        config,
                        configuration.ofIsolation(),
                        System.getenv(),
                        new LaunchBench.Amount(rounds, tenants, turns),
                        console.progress()));
        return 0;
    }
}
