package dev.cloister.cli;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Says which of several long steps is being done, and every ten seconds that it still is. Thread-safe. */
final class Steps implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Consumer<String> out;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon(true).name("steps").factory());
    private final Future<?> ticks;
    private String step = "";
    private long began;

    Steps(Consumer<String> out) {
        this.out = out;
        this.ticks =
                timer.scheduleAtFixedRate(this::tick, PATIENCE.toMillis(), PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    synchronized void begin(String next) {
        step = next;
        began = System.nanoTime();
        out.accept(next);
    }

    private synchronized void tick() {
        long seconds = (System.nanoTime() - began) / 1_000_000_000;
        if (!step.isEmpty() && seconds > 1) {
            out.accept(step + " … " + seconds + " s");
        }
    }

    @Override
    public void close() {
        ticks.cancel(false);
        timer.shutdown();
    }
}
