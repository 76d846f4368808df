package dev.cloister.cli.bench;

import dev.cloister.cli.wiring.TemporaryDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A temporary directory and the processes that work in it. Closing it ends them with all they started and then removes the
 * directory; so does the end of this JVM, also by a signal. Thread-safe.
 */
final class TurnPlace implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 20;

    private final TemporaryDirectory directory;
    private final List<Process> processes = new ArrayList<>();
    private final Thread hook = new Thread(this::end, "turn-place");
    private final Object ending = new Object();
    private boolean closed;

    private TurnPlace(TemporaryDirectory directory) {
        this.directory = directory;
    }

    static TurnPlace make() {
        TurnPlace place = new TurnPlace(TemporaryDirectory.make("turn"));
        Runtime.getRuntime().addShutdownHook(place.hook);
        return place;
    }

    Path path() {
        return directory.path();
    }

    /** Makes a directory below, also where its parents are missing. */
    Path directory(String name) throws IOException {
        return Files.createDirectories(path().resolve(name));
    }

    /** @throws IOException also if the place was closed meanwhile */
    synchronized Process start(ProcessBuilder builder) throws IOException {
        if (closed) {
            throw new IOException("interrupted");
        }
        processes.removeIf(process -> !process.isAlive());
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    /** Whoever comes second returns when the first is done: the last hook's end is the end of this JVM. */
    private void end() {
        synchronized (ending) {
            List<Process> mine;
            synchronized (this) {
                if (closed) {
                    return;
                }
                closed = true;
                mine = List.copyOf(processes);
            }
            List<ProcessHandle> all = mine.stream()
                    .flatMap(process -> Stream.concat(Stream.of(process.toHandle()), process.descendants()))
                    .toList();
            mine.forEach(Process::destroy);
            mine.forEach(TurnPlace::await);
            // What does not end with its parent.
            all.forEach(ProcessHandle::destroyForcibly);
            all.forEach(process -> process.onExit().join());
            directory.close();
        }
    }

    private static void await(Process process) {
        try {
            process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        end();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // This JVM is on its way out: the hook is at work, and the directory is its affair.
            return;
        }
    }
}
