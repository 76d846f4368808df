package dev.cloister.store;

import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import org.jdbi.v3.core.Handle;

/** The table {@code sandbox_usage}. */
final class SandboxUsageRows {
    private SandboxUsageRows() {}

    static void add(Handle handle, TenantId tenant, SandboxUsage usage) {
        handle.createUpdate("""
                        INSERT INTO sandbox_usage (tenant, cpu_micros, throttled_micros, memory_peak_bytes, oom_kills,
                            pids_refused)
                        VALUES (:tenant, :cpu, :throttled, :peak, :oomKills, :pidsRefused)
                        ON CONFLICT (tenant) DO UPDATE SET
                            cpu_micros = cpu_micros + excluded.cpu_micros,
                            throttled_micros = throttled_micros + excluded.throttled_micros,
                            memory_peak_bytes = max(memory_peak_bytes, excluded.memory_peak_bytes),
                            oom_kills = oom_kills + excluded.oom_kills,
                            pids_refused = pids_refused + excluded.pids_refused
                        """)
                .bind("tenant", tenant.value())
                .bind("cpu", micros(usage.cpu()))
                .bind("throttled", micros(usage.throttled()))
                .bind("peak", usage.memoryPeak())
                .bind("oomKills", usage.oomKills())
                .bind("pidsRefused", usage.pidsRefused())
                .execute();
    }

    static SandboxUsage find(Handle handle, TenantId tenant) {
        return handle.createQuery("SELECT * FROM sandbox_usage WHERE tenant = :tenant")
                .bind("tenant", tenant.value())
                .map((row, context) -> new SandboxUsage(
                        Duration.of(row.getLong("cpu_micros"), ChronoUnit.MICROS),
                        Duration.of(row.getLong("throttled_micros"), ChronoUnit.MICROS),
                        row.getLong("memory_peak_bytes"),
                        row.getLong("oom_kills"),
                        row.getLong("pids_refused")))
                .findOne()
                .orElse(SandboxUsage.NONE);
    }

    /** As the kernel counts. */
    private static long micros(Duration duration) {
        return duration.toNanos() / 1_000;
    }
}
