package dev.cloister.isolation.local.launch;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Starts every process of the server from one thread that lives as long as the server.
 *
 * <p>Linux sends the parent-death signal when the <em>thread</em> that started a process ends (prctl(2),
 * PR_SET_PDEATHSIG), so a process started from a pooled or virtual thread could be killed at any time. Thread-safe.
 */
public final class Spawner implements AutoCloseable {
    private static final List<String> ENVIRONMENT = List.of("PATH=/usr/bin:/bin");

    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("spawner").daemon(true).factory());

    /**
     * Starts a program, as {@link Spawn#start}, with an environment of nothing but a search path.
     *
     * @throws IOException if it could not be started
     */
    ChildProcess spawn(List<String> argv) throws IOException {
        try {
            return thread.submit(() -> Spawn.start(argv, ENVIRONMENT)).get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw new IllegalStateException("the spawner failed", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while starting a process", e);
        }
    }

    /** Ends the thread, and by that every process that was started and still runs. */
    @Override
    public void close() {
        thread.shutdown();
    }
}
