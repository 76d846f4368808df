package dev.cloister.core.flow;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Does something again and again on a thread of its own, for the first time after the first pause. Close waits for a round that
 * runs.
 */
public final class Rounds implements AutoCloseable {
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread;

    private Rounds(String name, Duration every, Runnable round) {
        thread = Thread.ofPlatform().daemon(true).name(name).start(() -> run(every, round));
    }

    /** @param round ends the rounds if it throws */
    public static Rounds start(String name, Duration every, Runnable round) {
        return new Rounds(name, every, round);
    }

    private void run(Duration every, Runnable round) {
        try {
            while (!closed.await(every.toNanos(), TimeUnit.NANOSECONDS)) {
                round.run();
            }
        } catch (InterruptedException e) {
            // Nobody does; it would end the rounds.
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        closed.countDown();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
