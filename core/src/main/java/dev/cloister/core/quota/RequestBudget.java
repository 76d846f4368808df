package dev.cloister.core.quota;

import java.time.Clock;
import java.time.Duration;

/** A token bucket: so many requests a minute, all of them at once if none came before. Thread-safe. */
public final class RequestBudget {
    private static final double MILLIS_PER_MINUTE = 60_000;

    private final int perMinute;
    private final Clock clock;
    private double available;
    private long filledAt;

    public RequestBudget(int perMinute, Clock clock) {
        this.perMinute = perMinute;
        this.clock = clock;
        this.available = perMinute;
        this.filledAt = clock.millis();
    }

    /** Takes one request. Zero if it may go; else how long until one may, in whole seconds. */
    public synchronized Duration take() {
        long now = clock.millis();
        double refill = Math.max(0, now - filledAt) * perMinute / MILLIS_PER_MINUTE;
        available = Math.min(perMinute, available + refill);
        filledAt = now;
        if (available >= 1) {
            available -= 1;
            return Duration.ZERO;
        }
        double millis = (1 - available) * MILLIS_PER_MINUTE / perMinute;
        return Duration.ofSeconds((long) Math.ceil(millis / 1000));
    }
}
