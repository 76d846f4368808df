package dev.cloister.core.usage;

import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.tenant.TenantId;
import java.util.List;

/** Where what tenants used is kept: a part of the store, for which all holds that the store promises. */
public interface UsageStore {
    void addUsage(UsageRecord usage);

    /** Totals by model over {@code from <= at < to}, in the order of the models' names. */
    List<UsageTotals> usage(TenantId tenant, long from, long to);

    /** Adds to what a tenant's processes used; kept when the tenant is gone, as all usage is. A loss of power may undo the last. */
    void addSandboxUsage(TenantId tenant, SandboxUsage usage);

    /** All that a tenant's processes ever used; nothing of it for a tenant without any. */
    SandboxUsage sandboxUsage(TenantId tenant);
}
