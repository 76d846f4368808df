package dev.cloister.cli.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Several threads that do the same. */
final class Together {
    /** What one of them does. */
    interface Task {
        /**
         * Runs on a thread of its own.
         *
         * @param number of this thread, from 0
         */
        void run(int number) throws IOException, InterruptedException;
    }

    private Together() {}

    /**
     * Starts all at one moment and waits for the last. If one fails, the others still come to their end; if the caller is
     * interrupted, so are they.
     *
     * @return seconds from the first's start to the last's end
     */
    static double seconds(int count, Task task) throws IOException, InterruptedException {
        CountDownLatch go = new CountDownLatch(1);
        try (ExecutorService threads = Executors.newFixedThreadPool(count)) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int number = i;
                all.add(threads.submit(() -> {
                    go.await();
                    task.run(number);
                    return number;
                }));
            }
            long began = System.nanoTime();
            go.countDown();
            try {
                for (Future<?> one : all) {
                    one.get();
                }
            } catch (InterruptedException e) {
                threads.shutdownNow();
                throw e;
            } catch (ExecutionException e) {
                throw new IOException(e.getCause());
            }
            return (System.nanoTime() - began) / 1e9;
        }
    }
}
