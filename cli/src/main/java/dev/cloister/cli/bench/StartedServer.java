package dev.cloister.cli.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A server as a process of its own, watched from its first instruction. It says itself when it listens and when it is ready,
 * so that nobody takes its processors by asking. Closing it ends it. Not thread-safe.
 */
final class StartedServer implements AutoCloseable {
    private static final Pattern LISTENING = Pattern.compile("cloister: listening on (http://\\S+)");
    private static final Pattern READY = Pattern.compile("cloister: ready\\.");
    private static final int ANSWER_MILLIS = 10_000;
    private static final long END_SECONDS = 30;

    private final long began = System.nanoTime();
    private final Process process;
    private final BufferedReader out;
    private final Path err;
    /** Whoever interrupts the benchmark wants no server left. */
    private final Thread onExit;

    private @Nullable URI base;

    /** @param err gets what it says on standard error */
    StartedServer(List<String> command, Path err) throws IOException {
        this.err = err;
        this.process = new ProcessBuilder(command)
                .directory(new File("/"))
                .redirectError(err.toFile())
                .start();
        this.out = process.inputReader(StandardCharsets.UTF_8);
        this.onExit = new Thread(this::stop, "stop");
        Runtime.getRuntime().addShutdownHook(onExit);
    }

    /** Milliseconds from the process's start to its first 200. */
    double firstAnswer() throws IOException {
        URI said = URI.create(line(LISTENING).group(1));
        base = said;
        return answered(said.resolve("/healthz"));
    }

    /** Milliseconds from the process's start until it serves turns; only after {@link #firstAnswer}. */
    double ready() throws IOException {
        line(READY);
        if (base == null) {
            throw new IllegalStateException("nobody asked for the first answer");
        }
        return answered(base.resolve("/readyz"));
    }

    private double answered(URI uri) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
        connection.setConnectTimeout(ANSWER_MILLIS);
        connection.setReadTimeout(ANSWER_MILLIS);
        int status = connection.getResponseCode();
        double milliseconds = (System.nanoTime() - began) / 1e6;
        connection.disconnect();
        if (status != HttpURLConnection.HTTP_OK) {
            throw new IOException(uri + " was answered with " + status);
        }
        return milliseconds;
    }

    private Matcher line(Pattern wanted) throws IOException {
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            Matcher matcher = wanted.matcher(line);
            if (matcher.find()) {
                return matcher;
            }
        }
        throw new IOException("the server ended before it said \"" + wanted + "\": " + Files.readString(err));
    }

    /** MiB of memory that it has now, with what it shares. */
    double resident() throws IOException {
        return OwnServer.rssMib(Files.readString(Path.of("/proc", Long.toString(process.pid()), "status")));
    }

    /** Asks it to stop, and waits until it has. */
    @Override
    public void close() throws IOException {
        stop();
        out.close();
        try {
            Runtime.getRuntime().removeShutdownHook(onExit);
        } catch (IllegalStateException e) {
            // This JVM ends, and the hook does the same once more.
            return;
        }
    }

    private void stop() {
        process.destroy();
        try {
            process.waitFor(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            process.destroyForcibly();
        }
    }
}
