package dev.cloister.cli.bench;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server as a process of its own, so that its processor time is its own. It ends with the place that it was started in. */
final class ServerChild {
    private static final Pattern LISTENING = Pattern.compile("listening on (http://\\S+)");
    private static final Duration START = Duration.ofMinutes(3);
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(10);
    private static final long STEP_MS = 50;
    /** Of USER_HZ, which is 100 on all that Cloister runs on. */
    private static final double MS_PER_TICK = 10;

    private final Process process;
    private final URI base;

    private ServerChild(Process process, URI base) {
        this.process = process;
        this.base = base;
    }

    /**
     * Starts a server and returns when it is ready for turns.
     *
     * @param keys of its configuration; the environment's do not count
     * @param progress gets a line now and then
     */
    static ServerChild start(TurnPlace place, Map<String, String> keys, Consumer<String> progress)
            throws IOException, InterruptedException {
        progress.accept("starting a server");
        Path out = place.path().resolve("server.out");
        Path err = place.path().resolve("server.err");
        ProcessBuilder builder =
                new ProcessBuilder(command(keys)).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("CLOISTER_"));
        Process process = place.start(builder);
        long began = System.nanoTime();
        long said = began;
        while (!Files.readString(out).contains("cloister: ready.")) {
            long now = System.nanoTime();
            if (!process.isAlive() || now - began > START.toNanos()) {
                throw new IOException("the server did not start: " + Files.readString(err));
            }
            if (now - said > BETWEEN_LINES.toNanos()) {
                said = now;
                progress.accept("still starting");
            }
            Thread.sleep(STEP_MS);
        }
        Matcher listening = LISTENING.matcher(Files.readString(out));
        if (!listening.find()) {
            throw new IOException("the server did not say where it listens: " + Files.readString(out));
        }
        return new ServerChild(process, URI.create(listening.group(1)));
    }

    private static List<String> command(Map<String, String> keys) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-cp",
                absolute(System.getProperty("java.class.path")),
                "dev.cloister.cli.Main",
                "serve"));
        new TreeMap<>(keys).forEach((key, value) -> command.addAll(List.of("--set", key + "=" + value)));
        return command;
    }

    private static String absolute(String classPath) {
        List<String> entries = new ArrayList<>();
        for (String entry : classPath.split(File.pathSeparator, -1)) {
            entries.add(Path.of(entry).toAbsolutePath().toString());
        }
        return String.join(File.pathSeparator, entries);
    }

    URI uri(String path) {
        return base.resolve(path);
    }

    /** Milliseconds of processor time that it took so far, without those of the processes that it started. */
    double cpu() throws IOException {
        return cpu(Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat")));
    }

    /**
     * @param stat a line as in proc(5)
     * @return utime and stime in milliseconds, to the nearest 10
     */
    static double cpu(String stat) {
        // The name before it may hold anything.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * MS_PER_TICK;
    }
}
