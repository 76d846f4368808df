package dev.cloister.core.egress;

import dev.cloister.core.quota.RequestBudget;
import dev.cloister.core.reach.EgressLimits;
import java.time.Clock;
import java.time.Duration;

/** What one tenant may still use of the network, whatever sandboxes it opens and closes meanwhile. Thread-safe. */
final class Bounds {
    /** Each report is a durable write, so a tool that knocks in a loop is only counted after these. */
    private static final int REPORTS_PER_MINUTE = 30;

    private static final long HOUR_MS = Duration.ofHours(1).toMillis();

    private final RequestBudget requests;
    private final RequestBudget reports;
    private final long bytesPerHour;
    private final Clock clock;
    private long hourBegan;
    private long bytesInHour;

    Bounds(EgressLimits limits, Clock clock) {
        this.requests = new RequestBudget(limits.requestsPerMinute(), clock);
        this.reports = new RequestBudget(REPORTS_PER_MINUTE, clock);
        this.bytesPerHour = limits.bytesPerHour().orElse(Long.MAX_VALUE);
        this.clock = clock;
        this.hourBegan = clock.millis();
    }

    RequestBudget requests() {
        return requests;
    }

    RequestBudget reports() {
        return reports;
    }

    /** @return whether the tenant may go on */
    synchronized boolean moved(long bytes) {
        long now = clock.millis();
        if (now - hourBegan >= HOUR_MS) {
            hourBegan = now;
            bytesInHour = 0;
        }
        bytesInHour += bytes;
        return bytesInHour <= bytesPerHour;
    }
}
