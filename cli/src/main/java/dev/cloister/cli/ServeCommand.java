package dev.cloister.cli;

import dev.cloister.cli.wiring.Cloister;
import dev.cloister.core.config.CloisterConfig;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The server. */
@Command(name = "serve", description = "Serve the API until told to stop.", mixinStandardHelpOptions = true)
final class ServeCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Option(names = "--port", description = "TCP port; 0 takes any free one (default: 8484).")
    private @Nullable String port;

    @Option(names = "--host", description = "Address to listen on (default: 127.0.0.1).")
    private @Nullable String host;

    @Option(
            names = "--isolation",
            paramLabel = "MODE",
            description = "auto, directories, namespaces, chroot, container, microvm (default: auto).")
    private @Nullable String isolation;

    @Option(
            names = "--upstream",
            paramLabel = "URL|scripted",
            description =
                    "Where model calls go; `scripted` needs no model and no key (default: https://api.anthropic.com).")
    private @Nullable String upstream;

    @Override
    public Integer call() throws InterruptedException {
        Map<String, String> options = new LinkedHashMap<>();
        put(options, "port", port);
        put(options, "host", host);
        put(options, "isolation.mode", isolation);
        put(options, "upstream.url", upstream);
        CloisterConfig config = configuration.load(options);
        Logging.configure(config.log());
        PrintWriter out = spec.commandLine().getOut();
        CountDownLatch stopped = new CountDownLatch(1);
        Cloister server = Cloister.start(config);
        Thread stop = new Thread(
                () -> {
                    server.close();
                    stopped.countDown();
                },
                "stop");
        Runtime.getRuntime().addShutdownHook(stop);
        out.println("cloister: listening on http://" + config.http().host() + ":" + server.port());
        out.println("cloister: isolation " + server.guarantees().mode().id() + "; holds "
                + server.guarantees().holds().stream().sorted().map(Enum::name).collect(Collectors.joining(", ")));
        server.guarantees().findings().forEach(finding -> out.println("cloister: note: " + finding));
        out.println("cloister: trying the agent …");
        out.flush();
        server.proveAgent();
        out.println("cloister: ready. Data in " + config.paths().data() + ", workspaces in "
                + config.paths().workspaces() + ". Stop with Ctrl-C.");
        out.flush();
        stopped.await();
        return 0;
    }

    private static void put(Map<String, String> options, String key, @Nullable String value) {
        if (value != null) {
            options.put(key, value);
        }
    }
}
