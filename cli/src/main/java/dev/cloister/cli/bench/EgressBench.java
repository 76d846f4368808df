package dev.cloister.cli.bench;

import dev.cloister.cli.demo.Client;
import dev.cloister.cli.wiring.Cloister;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TemporaryDirectory;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.spi.Host;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What the way through the egress proxy costs, beside the same two programs without it: one stream, the first byte of a new
 * connection, and many connections at once. On a server of its own in a temporary directory, over the loopback device.
 */
public final class EgressBench {
    /** How much of the throughput without the proxy has to be left. */
    public static final double LEAST_STREAM = 0.6;

    /** Milliseconds that the first byte of a new connection may take longer, at the median. */
    public static final double MOST_FIRST_BYTE = 3;

    /** How much larger the server may be after the last round of many connections than after the first. */
    public static final double MOST_GROWTH = 1.1;

    public static final int CONNECTIONS = 500;
    private static final int SAMPLES = 100;

    /** A JVM is several times slower at first. */
    private static final int WARM_UPS = 1000;

    private static final long PART = 256 << 10;

    /** Not the sandbox's own loopback address, which no tool asks a proxy for. */
    private static final String FAR = "127.0.0.2";

    private static final int PROXY = 3128;

    /** Measured on the same machine in turns. Throughput in MiB/s, first byte in milliseconds, the server's size in MiB. */
    public record Report(
            Machine machine,
            List<Double> streamDirect,
            List<Double> streamThrough,
            Measured firstByteDirect,
            Measured firstByteThrough,
            int opened,
            int done,
            List<Double> seconds,
            List<Double> sizes) {
        public Report {
            streamDirect = List.copyOf(streamDirect);
            streamThrough = List.copyOf(streamThrough);
            seconds = List.copyOf(seconds);
            sizes = List.copyOf(sizes);
        }

        public double stream() {
            return rounded(median(streamThrough) / median(streamDirect));
        }

        public double firstByte() {
            return rounded(firstByteThrough.p50() - firstByteDirect.p50());
        }

        public double growth() {
            return rounded(sizes.getLast() / sizes.getFirst());
        }

        public boolean isMet() {
            return stream() >= LEAST_STREAM
                    && firstByte() <= MOST_FIRST_BYTE
                    && done == CONNECTIONS * seconds.size()
                    && growth() <= MOST_GROWTH;
        }
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }

    private static double rounded(double value) {
        return Math.round(value * 1000) / 1000.0;
    }

    private final List<Double> streamDirect = new ArrayList<>();
    private final List<Double> streamThrough = new ArrayList<>();
    private final List<Double> firstDirect = new ArrayList<>();
    private final List<Double> firstThrough = new ArrayList<>();

    private EgressBench() {}

    /**
     * Leaves nothing behind.
     *
     * @param rounds how often each is measured; the first, which warms up, is not counted
     * @param bytes of one stream
     * @param progress gets a line for each round
     */
    public static Report run(int rounds, long bytes, Consumer<String> progress)
            throws IOException, InterruptedException {
        return new EgressBench().measure(rounds, bytes, progress);
    }

    private static String script() throws IOException {
        try (InputStream in = EgressBench.class.getResourceAsStream("/dev/cloister/cli/bench/egress.py")) {
            if (in == null) {
                throw new IllegalStateException("the benchmark's script is not in the distribution");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private Report measure(int rounds, long bytes, Consumer<String> progress) throws IOException, InterruptedException {
        List<Double> loadBefore = Machine.load();
        String script = script();
        Process far = new ProcessBuilder("python3", "-c", script, "serve", FAR)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader said = far.inputReader();
                TemporaryDirectory directory = TemporaryDirectory.make("egress")) {
            int port = Integer.parseInt(Optional.ofNullable(said.readLine()).orElse("0"));
            try (Cloister server = Cloister.start(config(directory, port));
                    ExecClient client =
                            new ExecClient(URI.create("http://127.0.0.1:" + server.port()), "bench-token")) {
                Host host = HostFacts.host(0, directory.path());
                for (int round = 0; round <= rounds; round++) {
                    progress.accept(round == 0 ? "warming up" : "round " + round + " of " + rounds);
                    int connections = round == 0 ? WARM_UPS : SAMPLES;
                    JsonNode direct =
                            JsonMapper.shared().readTree(output(command(script, port, 0, bytes, connections, 0)));
                    JsonNode through = JsonMapper.shared()
                            .readTree(client.output(body(command(script, port, PROXY, bytes, connections, 0))));
                    if (round > 0) {
                        add(direct, streamDirect, firstDirect);
                        add(through, streamThrough, firstThrough);
                    }
                }
                return many(script, port, rounds, client, host, loadBefore, progress);
            }
        } finally {
            far.destroyForcibly().waitFor();
        }
    }

    private Report many(
            String script,
            int port,
            int rounds,
            ExecClient client,
            Host host,
            List<Double> loadBefore,
            Consumer<String> progress)
            throws IOException, InterruptedException {
        int opened = 0;
        int done = 0;
        List<Double> seconds = new ArrayList<>();
        List<Double> sizes = new ArrayList<>();
        for (int round = 1; round <= rounds; round++) {
            progress.accept(CONNECTIONS + " connections, round " + round + " of " + rounds);
            JsonNode all = JsonMapper.shared()
                    .readTree(client.output(body(command(script, port, PROXY, 1, 1, CONNECTIONS))))
                    .path("parallel");
            opened += all.path("open").asInt();
            done += all.path("done").asInt();
            seconds.add(rounded(all.path("seconds").asDouble()));
            sizes.add(rounded(size()));
        }
        return new Report(
                Machine.of(host, loadBefore),
                streamDirect,
                streamThrough,
                Measured.of("direct", firstDirect),
                Measured.of("through the proxy", firstThrough),
                opened,
                done,
                seconds,
                sizes);
    }

    private static void add(JsonNode measured, List<Double> streams, List<Double> first) {
        streams.add(rounded(measured.path("stream_mib_s").asDouble()));
        measured.path("first_byte_ms").forEach(one -> first.add(one.asDouble()));
    }

    private static List<String> command(String script, int port, int proxy, long bytes, int samples, int parallel) {
        return Stream.of("python3", "-c", script, "measure", FAR, port, proxy, bytes, samples, parallel, PART)
                .map(Object::toString)
                .toList();
    }

    private static ObjectNode body(List<String> command) {
        return Client.command(command, Map.of());
    }

    private static String output(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException("the benchmark's client failed without a proxy: " + said);
        }
        return said;
    }

    /** Of this process, which is the server. */
    private static double size() throws IOException {
        return OwnServer.rssMib(Files.readString(Path.of("/proc/self/status")));
    }

    private static CloisterConfig config(TemporaryDirectory directory, int port) {
        Map<String, String> keys = new TreeMap<>();
        keys.put("data", directory.path().resolve("data").toString());
        keys.put("port", "0");
        keys.put("upstream.url", "scripted");
        keys.put("isolation.mode", "namespaces");
        keys.put("egress.mode", "allowlist");
        keys.put("egress.rules", FAR + ":" + port);
        keys.put("egress.connections", Integer.toString(2 * CONNECTIONS));
        // No turn is asked for.
        keys.put("agent.executable", "/bin/true");
        return ConfigLoader.load(Optional.empty(), Map.of(), keys, HostFacts.defaults());
    }
}
