package dev.cloister.core.reach;

import java.util.OptionalLong;

/**
 * What bounds one tenant's traffic.
 *
 * @param connections open at once
 * @param bytesPerHour in both directions together; empty: any
 */
public record EgressLimits(int connections, int requestsPerMinute, OptionalLong bytesPerHour) {}
