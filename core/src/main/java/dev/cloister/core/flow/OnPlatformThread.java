package dev.cloister.core.flow;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Runs what may wait in a pipe on a platform thread while the caller, who may be virtual, waits for it without a carrier. */
public final class OnPlatformThread {
    private OnPlatformThread() {}

    /** Something that does I/O. */
    @FunctionalInterface
    public interface Action {
        void run() throws IOException;
    }

    /** Returns when the action is done; what it throws, this throws. */
    public static void run(String name, Action action) throws IOException, InterruptedException {
        FutureTask<Void> task = new FutureTask<>(() -> {
            action.run();
            return null;
        });
        Thread.ofPlatform().daemon(true).name(name).start(task);
        try {
            task.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                case null, default -> throw new IllegalStateException(e);
            }
        }
    }
}
