package dev.cloister.server.api;

import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageStore;
import dev.cloister.core.usage.UsageTotals;
import java.util.List;

/** Where metered usage is read. Thread-safe. */
public interface UsageSource {
    /** Totals by model over {@code from <= at < to}, in milliseconds since the epoch. */
    List<UsageTotals> usage(TenantId tenant, long from, long to);

    /** All that the tenant's processes ever used. */
    SandboxUsage sandboxUsage(TenantId tenant);

    /** That of a store. */
    static UsageSource of(UsageStore store) {
        return new UsageSource() {
            @Override
            public List<UsageTotals> usage(TenantId tenant, long from, long to) {
                return store.usage(tenant, from, to);
            }

            @Override
            public SandboxUsage sandboxUsage(TenantId tenant) {
                return store.sandboxUsage(tenant);
            }
        };
    }
}
