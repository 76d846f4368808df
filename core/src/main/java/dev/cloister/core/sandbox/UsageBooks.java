package dev.cloister.core.sandbox;

import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Guarantee;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where what sandboxes used is written down: counters, the tenant's bill, and a violation for a limit that was reached. On
 * a thread of its own, because store and audit wait for the disk and nobody should wait for them. Thread-safe.
 *
 * <p>Close waits for what is still to be written.
 */
public final class UsageBooks implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(UsageBooks.class);
    private static final long PATIENCE_SECONDS = 30;

    private final Metrics metrics;
    private final BiConsumer<TenantId, SandboxUsage> bill;
    private final Violations violations;
    private final ExecutorService writer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon(true).name("sandbox-usage").factory());

    /** @param bill keeps it with what the tenant used before */
    public UsageBooks(Metrics metrics, BiConsumer<TenantId, SandboxUsage> bill, Violations violations) {
        this.metrics = metrics;
        this.bill = bill;
        this.violations = violations;
    }

    void book(TenantId tenant, SandboxUsage used) {
        try {
            writer.execute(() -> write(tenant, used));
        } catch (RejectedExecutionException e) {
            log.warn("what tenant {} used last was not written down, because the server is stopping", tenant);
        }
    }

    private void write(TenantId tenant, SandboxUsage used) {
        try {
            metrics.sandboxUsed(used.cpu(), used.throttled(), used.oomKills(), used.pidsRefused());
            bill.accept(tenant, used);
            reached(tenant, "isolation.memory", used.oomKills());
            reached(tenant, "isolation.pids", used.pidsRefused());
        } catch (RuntimeException e) {
            log.error("what tenant {} used could not be written down", tenant, e);
        }
    }

    /** The limit held; that somebody ran into it is what an operator wants to know. */
    private void reached(TenantId tenant, String limit, long times) {
        if (times > 0) {
            violations.observed(
                    tenant, Guarantee.RESOURCES_BOUNDED, "a limit was reached", Map.of("limit", limit, "times", times));
        }
    }

    @Override
    public void close() {
        writer.shutdown();
        try {
            if (!writer.awaitTermination(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                log.warn("not all that sandboxes used was written down");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
