package dev.cloister.core.usage;

import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;

/**
 * What one model call used, as the broker metered it.
 *
 * @param costMicros millionths of a US dollar, by the configured prices
 * @param at milliseconds since the epoch
 */
public record UsageRecord(
        TenantId tenant,
        SessionId session,
        String model,
        long inputTokens,
        long outputTokens,
        long cacheWriteTokens,
        long cacheReadTokens,
        long costMicros,
        long at) {}
