package dev.cloister.cli.bench;

import java.time.Duration;

/** Time that passes: between what clients do, and until other processes have come so far, which they tell nobody. */
final class Pause {
    private Pause() {}

    /** Not at all for a time that is not positive. */
    static void of(Duration time) throws InterruptedException {
        Thread.sleep(time);
    }

    static void ofMillis(long milliseconds) throws InterruptedException {
        of(Duration.ofMillis(milliseconds));
    }

    static void ofNanos(long nanoseconds) throws InterruptedException {
        of(Duration.ofNanos(nanoseconds));
    }
}
