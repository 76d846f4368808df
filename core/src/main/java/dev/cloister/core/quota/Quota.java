package dev.cloister.core.quota;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How many of one kind of thing may run at once, in all and for each tenant, and how many may wait for that. What becomes
 * free goes to the tenants in turn, so that one with a hundred waiting does not delay another's first. Thread-safe.
 */
public final class Quota {
    private static final Duration RETRY = Duration.ofSeconds(5);
    /** How often one who waits is asked whether it is still wanted. */
    private static final Duration GLANCE = Duration.ofMillis(400);

    /** @param patience how long one waits at most */
    public record Queue(int total, int perTenant, Duration patience) {
        /** Nobody waits. */
        public static final Queue NONE = new Queue(0, 0, Duration.ZERO);
    }

    private final String what;
    private final int total;
    private final int perTenant;
    private final Queue queue;
    private final Map<TenantId, Integer> held = new HashMap<>();
    /** The tenant whose turn it is first. */
    private final SequencedMap<TenantId, Deque<CountDownLatch>> waiting = new LinkedHashMap<>();

    private int inAll;
    private int waitingInAll;

    /** @param what the things' name in the plural, for messages */
    public Quota(String what, int total, int perTenant, Queue queue) {
        this.what = what;
        this.total = total;
        this.perTenant = perTenant;
        this.queue = queue;
    }

    /** The right to run one. Closing gives it back; idempotent. */
    public final class Permit implements AutoCloseable {
        private final TenantId tenant;
        private boolean returned;

        private Permit(TenantId tenant) {
            this.tenant = tenant;
        }

        @Override
        public void close() {
            synchronized (Quota.this) {
                if (!returned) {
                    returned = true;
                    release(tenant);
                }
            }
        }
    }

    /** Takes one without waiting. @throws CloisterException RATE_LIMITED at the tenant's limit, OVERLOADED at the server's */
    public synchronized Permit take(TenantId tenant) {
        if (!isFree(tenant)) {
            throw refused(tenant);
        }
        grant(tenant);
        return new Permit(tenant);
    }

    /**
     * Takes one, and waits in the queue for it if there is none.
     *
     * @param stillWanted is asked now and then; what it throws ends the waiting
     * @throws CloisterException RATE_LIMITED or OVERLOADED if there is no room to wait, or none came free in time
     */
    public Permit take(TenantId tenant, Runnable stillWanted) {
        CountDownLatch granted = new CountDownLatch(1);
        synchronized (this) {
            if (isFree(tenant)) {
                grant(tenant);
                return new Permit(tenant);
            }
            Deque<CountDownLatch> own = waiting.getOrDefault(tenant, new ArrayDeque<>());
            if (own.size() >= queue.perTenant() || waitingInAll >= queue.total()) {
                throw refused(tenant);
            }
            own.addLast(granted);
            waiting.putIfAbsent(tenant, own);
            waitingInAll++;
        }
        try {
            await(granted, stillWanted);
        } catch (RuntimeException e) {
            if (!withdraw(tenant, granted)) {
                new Permit(tenant).close();
            }
            throw e;
        }
        synchronized (this) {
            // It may have come in the last moment.
            if (withdraw(tenant, granted)) {
                throw refused(tenant);
            }
            return new Permit(tenant);
        }
    }

    private void await(CountDownLatch granted, Runnable stillWanted) {
        long deadline = System.nanoTime() + queue.patience().toNanos();
        try {
            for (long left = queue.patience().toNanos(); left > 0; left = deadline - System.nanoTime()) {
                if (granted.await(Math.min(left, GLANCE.toNanos()), TimeUnit.NANOSECONDS)) {
                    return;
                }
                stillWanted.run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CloisterException(ErrorCode.NOT_READY, "the server is stopping; try again when it is back", e);
        }
    }

    private boolean isFree(TenantId tenant) {
        return inAll < total && held.getOrDefault(tenant, 0) < perTenant && !waiting.containsKey(tenant);
    }

    private void grant(TenantId tenant) {
        held.merge(tenant, 1, Integer::sum);
        inAll++;
    }

    private void release(TenantId tenant) {
        inAll--;
        held.computeIfPresent(tenant, (id, count) -> count == 1 ? null : count - 1);
        next().ifPresent(this::grantNext);
    }

    /** The first tenant in turn that waits and may have one more. */
    private Optional<TenantId> next() {
        return inAll >= total
                ? Optional.empty()
                : waiting.keySet().stream()
                        .filter(tenant -> held.getOrDefault(tenant, 0) < perTenant)
                        .findFirst();
    }

    private void grantNext(TenantId tenant) {
        @Nullable Deque<CountDownLatch> own = waiting.remove(tenant);
        if (own == null) {
            return;
        }
        own.removeFirst().countDown();
        waitingInAll--;
        if (!own.isEmpty()) {
            // Behind all others.
            waiting.putLast(tenant, own);
        }
        grant(tenant);
    }

    /** Takes one out of the queue; false if it was granted already. */
    private synchronized boolean withdraw(TenantId tenant, CountDownLatch granted) {
        @Nullable Deque<CountDownLatch> own = waiting.get(tenant);
        if (own == null || !own.remove(granted)) {
            return false;
        }
        waitingInAll--;
        if (own.isEmpty()) {
            waiting.remove(tenant);
        }
        return true;
    }

    private CloisterException refused(TenantId tenant) {
        int own = held.getOrDefault(tenant, 0);
        return own >= perTenant
                ? new CloisterException(
                        ErrorCode.RATE_LIMITED,
                        "you have " + own + " " + what + " running, which is the limit; wait for one to end",
                        RETRY,
                        null)
                : new CloisterException(
                        ErrorCode.OVERLOADED,
                        "the server runs as many " + what + " as it may; try again soon",
                        RETRY,
                        null);
    }
}
