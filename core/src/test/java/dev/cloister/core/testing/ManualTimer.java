package dev.cloister.core.testing;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** A timer on which time passes only when the test says so. */
public final class ManualTimer extends ScheduledThreadPoolExecutor {
    private record Planned(long delayMillis, Runnable task, ScheduledFuture<?> handle) {}

    private final List<Planned> planned = new CopyOnWriteArrayList<>();

    public ManualTimer() {
        super(0);
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
        ScheduledFuture<?> handle = super.schedule(() -> {}, 365, TimeUnit.DAYS);
        planned.add(new Planned(unit.toMillis(delay), task, handle));
        return handle;
    }

    /** The delays of what waits to be run. */
    public List<Long> waiting() {
        return planned.stream()
                .filter(one -> !one.handle().isDone())
                .map(Planned::delayMillis)
                .toList();
    }

    /** Runs what waits and is due within the time, on this thread. */
    public void pass(long millis) {
        for (Planned one : planned) {
            if (one.delayMillis() <= millis && one.handle().cancel(false)) {
                one.task().run();
            }
        }
    }
}
