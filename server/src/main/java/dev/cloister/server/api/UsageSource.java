package dev.cloister.server.api;

import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageTotals;
import java.util.List;

/** Where metered usage is read. Thread-safe. */
@FunctionalInterface
public interface UsageSource {
    /** Totals by model over {@code from <= at < to}, in milliseconds since the epoch. */
    List<UsageTotals> usage(TenantId tenant, long from, long to);
}
