package dev.cloister.isolation.local.guest;

import dev.cloister.spi.IsolationException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What happens to tenants' containers or machines when nobody used them for a while. Thread-safe. */
public final class IdleTimers implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(IdleTimers.class);

    private final Duration idle;
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().name("idle-hosts").daemon(true).factory());
    private final Map<String, ScheduledFuture<?>> waiting = new ConcurrentHashMap<>();

    public IdleTimers(Duration idle) {
        this.idle = idle;
        timer.setRemoveOnCancelPolicy(true);
    }

    /** Unless the tenant comes again until then, this happens. */
    public void start(String tenant, Runnable then) {
        start(tenant, 1, then);
    }

    /** The same after so many times the time. */
    public void start(String tenant, int times, Runnable then) {
        if (timer.isShutdown()) {
            return;
        }
        Runnable guarded = () -> {
            try {
                then.run();
            } catch (IsolationException e) {
                log.warn("what nobody used could not be stopped: {}", e.getMessage());
            }
        };
        @Nullable
        ScheduledFuture<?> before =
                waiting.put(tenant, timer.schedule(guarded, idle.toMillis() * times, TimeUnit.MILLISECONDS));
        if (before != null) {
            before.cancel(false);
        }
    }

    /** The tenant came. */
    public void cancel(String tenant) {
        @Nullable ScheduledFuture<?> task = waiting.remove(tenant);
        if (task != null) {
            task.cancel(false);
        }
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
