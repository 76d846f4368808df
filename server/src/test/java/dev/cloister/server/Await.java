package dev.cloister.server;

import java.util.function.BooleanSupplier;

/** Waits for what must become true; the time allowed is far above what is needed, so that only a fault exceeds it. */
final class Await {
    private Await() {}

    static void until(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + 30_000_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it did not become true");
            }
            Thread.sleep(10);
        }
    }
}
