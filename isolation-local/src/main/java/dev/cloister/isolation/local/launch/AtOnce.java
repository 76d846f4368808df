package dev.cloister.isolation.local.launch;

import java.util.Collection;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/** Does the same to many things at the same time, on threads of its own: ending a process waits, and must hold up nobody. */
public final class AtOnce {
    private AtOnce() {}

    /** Returns when all is done. What an action throws is thrown here after the others are done. */
    public static <T> void forEach(Collection<T> things, Consumer<T> action) {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            things.stream()
                    .map(thing -> threads.submit(() -> action.accept(thing)))
                    .toList()
                    .forEach(AtOnce::join);
        }
    }

    private static void join(Future<?> done) {
        try {
            done.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            // The executor's close still waits for all: nothing is left half ended.
            Thread.currentThread().interrupt();
        }
    }
}
