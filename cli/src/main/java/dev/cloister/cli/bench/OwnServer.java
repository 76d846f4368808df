package dev.cloister.cli.bench;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TemporaryDirectory;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A server as a process of its own, so that its size and processor time are not the benchmark's, in a temporary directory that
 * goes with it. It ends with the benchmark's JVM too, however that ends but for SIGKILL. Thread-safe.
 */
final class OwnServer implements AutoCloseable {
    private static final Pattern LISTENING = Pattern.compile("listening on (http://\\S+)");
    private static final Duration START = Duration.ofMinutes(3);
    private static final Duration STOP = Duration.ofSeconds(60);
    private static final Duration STEP = Duration.ofMillis(50);

    /** What dies with a server that was killed is gone by then. */
    private static final Duration AFTER_KILL = Duration.ofSeconds(2);

    private static final Duration SILENCE = Duration.ofSeconds(5);

    /** The kernel tells processor time in hundredths of a second, to every program on every machine; see proc(5). */
    private static final long MILLISECONDS_PER_TICK = 10;

    private static final double KIB_PER_MIB = 1024;

    private final TemporaryDirectory directory;
    private final CloisterConfig config;
    private final Process process;
    private final Thread hook = new Thread(this::end, "server-child");
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private URI uri = URI.create("http://127.0.0.1/");
    private boolean closed;

    private OwnServer(TemporaryDirectory directory, Map<String, String> options) throws IOException {
        Map<String, String> keys = new TreeMap<>(Map.of("upstream.url", "scripted", "log.level", "warn"));
        keys.putAll(options);
        keys.put("data", directory.path().resolve("data").toString());
        keys.put("port", "0");
        Map<String, String> environment = ConfigLoader.agentIn(System.getenv());
        this.directory = directory;
        this.config = ConfigLoader.load(Optional.empty(), environment, keys, HostFacts.defaults());
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // As this JVM was started: by the script, as it starts servers.
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.cloister.cli.Main", "serve"));
        keys.forEach((key, value) -> command.addAll(List.of("--set", key + "=" + value)));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out().toFile()).redirectError(err().toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("CLOISTER_") && !environment.containsKey(name));
        this.process = builder.start();
    }

    /**
     * Starts a server and returns when it is ready for turns.
     *
     * @param options keys of the configuration; without {@code upstream.url} it plays scripts
     * @param progress gets a line before
     * @throws CloisterException if it ended, or took too long; says what it printed
     */
    static OwnServer start(Map<String, String> options, Consumer<String> progress)
            throws IOException, InterruptedException {
        progress.accept("starting a server");
        TemporaryDirectory directory = TemporaryDirectory.make("server");
        OwnServer server;
        try {
            server = new OwnServer(directory, options);
        } catch (IOException | RuntimeException e) {
            directory.close();
            throw e;
        }
        try {
            Runtime.getRuntime().addShutdownHook(server.hook);
            server.awaitReady();
            return server;
        } catch (IOException | InterruptedException | RuntimeException e) {
            server.close();
            throw e;
        }
    }

    private void awaitReady() throws IOException, InterruptedException {
        long deadline = System.nanoTime() + START.toNanos();
        while (!isReady()) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new CloisterException(
                        ErrorCode.INTERNAL,
                        "the server to be measured "
                                + (process.isAlive() ? "was not ready within " + START.toSeconds() + " s: " : "ended: ")
                                + Files.readString(out()) + Files.readString(err()));
            }
            Pause.of(STEP);
        }
    }

    private boolean isReady() throws IOException, InterruptedException {
        Matcher listening = LISTENING.matcher(Files.readString(out()));
        if (!listening.find() || !process.isAlive()) {
            return false;
        }
        uri = URI.create(listening.group(1));
        HttpRequest ready =
                HttpRequest.newBuilder(uri.resolve("/readyz")).timeout(START).build();
        return http.send(ready, BodyHandlers.discarding()).statusCode() == 200;
    }

    private Path out() {
        return directory.path().resolve("out");
    }

    private Path err() {
        return directory.path().resolve("err");
    }

    URI uri() {
        return uri;
    }

    long pid() {
        return process.pid();
    }

    CloisterConfig config() {
        return config;
    }

    /** What it wrote to its log so far: warnings and errors, if the options say nothing else. */
    List<String> log() throws IOException {
        return Files.readString(err()).lines().toList();
    }

    /** MiB of memory that it has now. */
    double rssMib() throws IOException {
        return rssMib(Files.readString(proc("status")));
    }

    /** Milliseconds of processor time that it used so far, without its children. */
    long cpuMillis() throws IOException {
        return cpuMillis(Files.readString(proc("stat")));
    }

    private Path proc(String file) {
        return Path.of("/proc", Long.toString(process.pid()), file);
    }

    static double rssMib(String status) {
        return status.lines()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToDouble(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / KIB_PER_MIB)
                .findFirst()
                .orElseThrow();
    }

    static long cpuMillis(String stat) {
        // The program's name comes before, in parentheses, and may hold blanks.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        int user = 11;
        return (Long.parseLong(fields[user]) + Long.parseLong(fields[user + 1])) * MILLISECONDS_PER_TICK;
    }

    /** Its metrics, each by its name and labels as they are written. */
    Map<String, Double> metrics() throws IOException, InterruptedException {
        HttpRequest request =
                HttpRequest.newBuilder(uri.resolve("/metrics")).timeout(START).build();
        return metrics(http.send(request, BodyHandlers.ofString(StandardCharsets.UTF_8))
                .body());
    }

    static Map<String, Double> metrics(String text) {
        Map<String, Double> all = new TreeMap<>();
        text.lines().filter(line -> !line.startsWith("#") && line.contains(" ")).forEach(line -> {
            int end = line.lastIndexOf(' ');
            all.put(line.substring(0, end), Double.parseDouble(line.substring(end + 1)));
        });
        return all;
    }

    /**
     * Lets it come to rest before its size is read: has it collect its garbage, where the JDK has the tool for that.
     *
     * @return how, for people
     */
    String settle() throws IOException, InterruptedException {
        Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
        boolean collected = Files.isExecutable(jcmd)
                && new ProcessBuilder(jcmd.toString(), Long.toString(process.pid()), "GC.run")
                                .redirectErrorStream(true)
                                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                                .start()
                                .waitFor()
                        == 0;
        Pause.of(collected ? Duration.ofSeconds(1) : SILENCE);
        return collected ? "after a requested collection" : "after " + SILENCE.toSeconds() + " s of silence";
    }

    /**
     * Asks it to stop as a service manager does; its directories stay until it is closed. Idempotent.
     *
     * @return whether it stopped within a minute by itself
     */
    boolean stop() throws InterruptedException {
        process.destroy();
        if (process.waitFor(STOP.toMillis(), TimeUnit.MILLISECONDS)) {
            return true;
        }
        process.destroyForcibly().waitFor();
        Pause.of(AFTER_KILL);
        return false;
    }

    private synchronized void end() {
        if (closed) {
            return;
        }
        closed = true;
        http.shutdownNow();
        try {
            stop();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
        new TemporaryDirectory(config.paths().run()).close();
        directory.close();
    }

    @Override
    public void close() {
        end();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending, and the hook has found nothing left to do.
            return;
        }
    }
}
