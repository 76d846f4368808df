package dev.cloister.core.isolation;

import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Suspends a tenant that attempts too much in too short a time. Thread-safe; suspending happens on a thread of its own,
 * because whoever saw the attempt may be about to be ended by it.
 */
public final class Suspension {
    private static final Logger log = LoggerFactory.getLogger(Suspension.class);

    private final OptionalInt after;
    private final long windowNanos;
    private final LongSupplier nanos;
    private final Consumer<TenantId> suspend;
    /** When each tenant's latest attempts were, oldest first; no more than it takes, and none older than the window. */
    private final Map<TenantId, Deque<Long>> attempts = new HashMap<>();

    /**
     * @param after how many attempts within the window; empty: never
     * @param suspend is called once for each burst
     */
    public Suspension(OptionalInt after, Duration window, Consumer<TenantId> suspend) {
        this(after, window, suspend, System::nanoTime);
    }

    Suspension(OptionalInt after, Duration window, Consumer<TenantId> suspend, LongSupplier nanos) {
        this.after = after;
        this.windowNanos = window.toNanos();
        this.suspend = suspend;
        this.nanos = nanos;
    }

    public static Suspension never() {
        return new Suspension(OptionalInt.empty(), Duration.ZERO, tenant -> {});
    }

    void observed(TenantId tenant) {
        if (after.isPresent() && isBurst(tenant, after.getAsInt())) {
            Thread.ofPlatform().daemon(true).name("suspend-" + tenant).start(() -> end(tenant));
        }
    }

    private synchronized boolean isBurst(TenantId tenant, int most) {
        long now = nanos.getAsLong();
        // A tenant that was quiet for long costs nothing.
        attempts.values().removeIf(times -> {
            times.removeIf(time -> now - time > windowNanos);
            return times.isEmpty();
        });
        Deque<Long> times = attempts.computeIfAbsent(tenant, id -> new ArrayDeque<>());
        times.addLast(now);
        if (times.size() < most) {
            return false;
        }
        attempts.remove(tenant);
        return true;
    }

    private void end(TenantId tenant) {
        try {
            suspend.accept(tenant);
        } catch (RuntimeException e) {
            log.error("tenant {} should have been suspended, and was not", tenant, e);
        }
    }
}
