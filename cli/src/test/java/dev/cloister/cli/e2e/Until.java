package dev.cloister.cli.e2e;

import java.time.Duration;
import java.util.concurrent.Callable;

/** Waits for conditions. */
final class Until {
    private static final Duration STEP = Duration.ofMillis(20);

    private Until() {}

    /** Returns as soon as the condition holds; fails with what is expected if it does not in time. */
    static void holds(String expected, Duration within, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + within.toNanos();
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within " + within.toMillis() + " ms: " + expected);
            }
            Thread.sleep(STEP);
        }
    }
}
