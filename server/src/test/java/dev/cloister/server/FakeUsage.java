package dev.cloister.server;

import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageTotals;
import dev.cloister.server.api.UsageSource;
import java.time.Duration;
import java.util.List;

/** The same for every tenant, with the asked times in it. */
final class FakeUsage implements UsageSource {
    @Override
    public List<UsageTotals> usage(TenantId tenant, long from, long to) {
        return List.of(
                new UsageTotals("m1", 1, from, 20, 30, 40, 1_500_000),
                new UsageTotals("m2", 2, 1, 2, to == Long.MAX_VALUE ? 3 : to, 4, 500_000));
    }

    @Override
    public SandboxUsage sandboxUsage(TenantId tenant) {
        return new SandboxUsage(Duration.ofMillis(1234), Duration.ofMillis(56), 1 << 20, 2, 3);
    }
}
