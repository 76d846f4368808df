package dev.cloister.core.egress;

import dev.cloister.core.quota.RequestBudget;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.tenant.TenantId;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.eclipse.jetty.io.EndPoint;

/** One tenant's way out while its sandbox is open: what it may still use, and what it used. Thread-safe. */
final class Account {
    private static final int MOST_TARGETS = 50;

    /** Each report is a durable write, so a tool that knocks in a loop is only counted after these. */
    private static final int REPORTS_PER_MINUTE = 30;

    private static final long HOUR_MS = Duration.ofHours(1).toMillis();

    private final TenantId tenant;
    private final EgressLimits limits;
    private final Clock clock;
    private final RequestBudget requestBudget;
    private final RequestBudget reports;
    private final Set<String> targets = new LinkedHashSet<>();
    private final Set<EndPoint> tunnels = new LinkedHashSet<>();
    private long hourBegan;
    private long bytesInHour;
    private long requests;
    private long denied;
    private long bytesIn;
    private long bytesOut;
    private boolean closed;

    Account(TenantId tenant, EgressLimits limits, Clock clock) {
        this.tenant = tenant;
        this.limits = limits;
        this.clock = clock;
        this.requestBudget = new RequestBudget(limits.requestsPerMinute(), clock);
        this.reports = new RequestBudget(REPORTS_PER_MINUTE, clock);
        this.hourBegan = clock.millis();
    }

    TenantId tenant() {
        return tenant;
    }

    RequestBudget requests() {
        return requestBudget;
    }

    RequestBudget reports() {
        return reports;
    }

    synchronized void reached(String target) {
        requests++;
        if (targets.size() < MOST_TARGETS) {
            targets.add(target);
        }
    }

    synchronized void denied() {
        requests++;
        denied++;
    }

    /** @return whether the tenant may go on */
    synchronized boolean moved(long in, long out) {
        bytesIn += in;
        bytesOut += out;
        long now = clock.millis();
        if (now - hourBegan >= HOUR_MS) {
            hourBegan = now;
            bytesInHour = 0;
        }
        bytesInHour += in + out;
        return bytesInHour <= limits.bytesPerHour().orElse(Long.MAX_VALUE);
    }

    /** Keeps the far end of a tunnel, so that it ends with this; closes it at once if it is too late. */
    void keep(EndPoint far) {
        synchronized (this) {
            tunnels.removeIf(one -> !one.isOpen());
            if (!closed) {
                tunnels.add(far);
                return;
            }
        }
        far.close();
    }

    synchronized EgressUse used() {
        return new EgressUse(requests, denied, bytesIn, bytesOut, new ArrayList<>(targets));
    }

    void close() {
        List<EndPoint> open;
        synchronized (this) {
            closed = true;
            open = List.copyOf(tunnels);
            tunnels.clear();
        }
        open.forEach(EndPoint::close);
    }
}
