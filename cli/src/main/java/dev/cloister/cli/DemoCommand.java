package dev.cloister.cli;

import dev.cloister.cli.demo.Demo;
import dev.cloister.core.config.CloisterConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The story, told by running it. */
@Command(
        name = "demo",
        description = "Run two tenants with the real agent and let one attack the other. Needs no network and no key.",
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Option(names = "--keep", description = "Leave the server running afterwards.")
    private boolean keep;

    @Option(
            names = "--isolation",
            paramLabel = "MODE",
            defaultValue = "auto",
            description = "auto, directories, namespaces, chroot, container, microvm (default: auto).")
    private String isolation = "auto";

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Any key of the configuration file, such as --set container.runtime=runsc.")
    private Map<String, String> keys = new LinkedHashMap<>();

    @Override
    public Integer call() throws Exception {
        Logging.configure(new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.ERROR));
        return Demo.run(spec.commandLine().getOut(), spec.commandLine().getErr(), isolation, keys, keep);
    }
}
