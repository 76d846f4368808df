package dev.cloister.core.quota;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** How many of one kind of thing may run at once, in all and for each tenant. Thread-safe. */
public final class Quota {
    private static final Duration RETRY = Duration.ofSeconds(5);

    private final String what;
    private final int total;
    private final int perTenant;
    private final Map<TenantId, Integer> held = new HashMap<>();
    private int inAll;

    /** @param what the things' name in the plural, for messages */
    public Quota(String what, int total, int perTenant) {
        this.what = what;
        this.total = total;
        this.perTenant = perTenant;
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
                    inAll--;
                    held.computeIfPresent(tenant, (id, count) -> count == 1 ? null : count - 1);
                }
            }
        }
    }

    /** @throws CloisterException RATE_LIMITED at the tenant's limit, OVERLOADED at the server's */
    public synchronized Permit take(TenantId tenant) {
        int own = held.getOrDefault(tenant, 0);
        if (own >= perTenant) {
            throw new CloisterException(
                    ErrorCode.RATE_LIMITED,
                    "you have " + own + " " + what + " running, which is the limit; wait for one to end",
                    RETRY,
                    null);
        }
        if (inAll >= total) {
            throw new CloisterException(
                    ErrorCode.OVERLOADED,
                    "the server runs as many " + what + " as it may; try again soon",
                    RETRY,
                    null);
        }
        held.put(tenant, own + 1);
        inAll++;
        return new Permit(tenant);
    }
}
