package dev.cloister.cli.e2e;

import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server as a process of its own, which a test can kill, with a directory that outlives it. */
final class ServerProcess implements Calls, AutoCloseable {
    private static final Pattern LISTENING = Pattern.compile("listening on (http://\\S+)");
    private static final Pattern ISOLATION = Pattern.compile("cloister: isolation ([a-z]+);");
    private static final Duration START = Duration.ofSeconds(90);

    private final Process process;
    private final Path directory;
    private final Path out;
    private final Path err;
    private final URI base;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();

    private ServerProcess(Process process, Path directory, Path out, Path err, URI base) {
        this.process = process;
        this.directory = directory;
        this.out = out;
        this.err = err;
        this.base = base;
    }

    /** A directory for servers that every uid can walk to; {@link #remove} deletes it. */
    static Path directory() throws IOException {
        Path directory = Files.createTempDirectory("cloister-e2e");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        return directory;
    }

    static void remove(Path directory) throws IOException, InterruptedException {
        int exit = new ProcessBuilder("rm", "-rf", "--", directory.toString())
                .inheritIO()
                .start()
                .waitFor();
        if (exit != 0) {
            throw new IOException(directory + " was not removed");
        }
    }

    /** The arguments of a server with the scripted upstream. */
    static List<String> arguments(Path data, Map<String, String> options) {
        List<String> arguments =
                new ArrayList<>(List.of("serve", "--port", "0", "--data", data.toString(), "--upstream", "scripted"));
        Map<String, String> all = new TreeMap<>(Map.of("isolation.mode", TestServer.isolation(), "run", data + "-run"));
        all.putAll(options);
        all.forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
        return arguments;
    }

    /** Starts a server on {@code <directory>/d} and waits until it is ready for turns. */
    static ServerProcess start(CommandProcess command, Path directory, Map<String, String> options) throws Exception {
        Path out = Files.createTempFile(directory, "out", "");
        Path err = Files.createTempFile(directory, "err", "");
        Process process = command.start(out, err, arguments(directory.resolve("d"), options));
        try {
            Until.holds(
                    "a server that is ready or ends",
                    START,
                    () -> !process.isAlive() || Files.readString(out).contains("cloister: ready."));
            Matcher listening = LISTENING.matcher(Files.readString(out));
            if (!process.isAlive() || !listening.find()) {
                throw new AssertionError("no server: " + Files.readString(out) + Files.readString(err));
            }
            return new ServerProcess(process, directory, out, err, URI.create(listening.group(1)));
        } catch (Exception | AssertionError e) {
            process.destroyForcibly();
            throw e;
        }
    }

    @Override
    public URI uri(String path) {
        return base.resolve(path);
    }

    @Override
    public HttpClient http() {
        return http;
    }

    long pid() {
        return process.pid();
    }

    /** The mode that this server said it runs in. */
    IsolationMode mode() throws IOException {
        Matcher said = ISOLATION.matcher(Files.readString(out));
        if (!said.find()) {
            throw new AssertionError("the server did not say in which mode it runs");
        }
        return IsolationMode.of(said.group(1)).orElseThrow();
    }

    /** Whether an entry of the run directory is a sandbox's, with sockets and settings. */
    static boolean isShare(Path entry) {
        return Files.isDirectory(entry) && !entry.endsWith("root");
    }

    Path workspaces() {
        return directory.resolve("d-workspaces");
    }

    Path run() {
        return directory.resolve("d-run");
    }

    String out() throws IOException {
        return Files.readString(out);
    }

    String err() throws IOException {
        return Files.readString(err);
    }

    /** Ends the server as a crash does. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Asks the server to stop, as a service manager does, and returns its exit code. */
    int terminate(Duration within) throws InterruptedException {
        process.destroy();
        if (!process.waitFor(within.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new AssertionError("the server did not stop within " + within.toMillis() + " ms");
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        http.shutdownNow();
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
