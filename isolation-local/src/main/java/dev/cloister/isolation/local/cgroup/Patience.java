package dev.cloister.isolation.local.cgroup;

import java.io.IOException;
import java.time.Duration;

/**
 * Waits for what the kernel does in its own time, as the end of a process or of its traces in a group, by trying again: first
 * after a tenth of a millisecond, then ever less often.
 *
 * <p>An interrupt does not cut the wait short, for what is waited for is that a tenant's processes are gone; it is kept for later.
 */
record Patience(Duration limit) {
    private static final Duration FIRST = Duration.ofNanos(100_000);
    private static final Duration LONGEST = Duration.ofMillis(20);

    @FunctionalInterface
    interface Attempt {
        boolean succeeds() throws IOException;
    }

    /** Whether an attempt succeeded in time; there is always one. */
    boolean until(Attempt attempt) throws IOException {
        long start = System.nanoTime();
        Duration pause = FIRST;
        boolean interrupted = false;
        try {
            while (!attempt.succeeds()) {
                if (System.nanoTime() - start > limit.toNanos()) {
                    return false;
                }
                try {
                    Thread.sleep(pause);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
                pause = pause.multipliedBy(2).compareTo(LONGEST) < 0 ? pause.multipliedBy(2) : LONGEST;
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
