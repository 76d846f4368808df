package dev.cloister.core.flow;

import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Between the pump of a process and the client: a bounded queue. A client that reads slowly makes the pump wait, and by that
 * the process; a client that is gone makes nobody wait. Thread-safe.
 */
public final class Outbox<T> {
    /** How soon a waiting pump sees that the client is gone. */
    private static final Duration GLANCE = Duration.ofMillis(200);

    private final BlockingQueue<T> queue;
    private volatile boolean abandoned;

    public Outbox(int capacity) {
        this.queue = new ArrayBlockingQueue<>(capacity);
    }

    /** Adds an item, waiting for room; drops it once the outbox is abandoned. For threads that nobody interrupts. */
    public void put(T item) {
        try {
            while (!abandoned && !queue.offer(item, GLANCE.toMillis(), TimeUnit.MILLISECONDS)) {
                continue;
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts a pump", e);
        }
    }

    /** The next item, or null if none came in time. */
    public @Nullable T poll(Duration timeout) throws InterruptedException {
        return queue.poll(Math.max(0, timeout.toNanos()), TimeUnit.NANOSECONDS);
    }

    /** Nobody will poll any more. */
    public void abandon() {
        abandoned = true;
    }

    public int size() {
        return queue.size();
    }
}
