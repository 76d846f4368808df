package dev.cloister.store;

import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.util.List;
import org.jdbi.v3.core.Handle;

/** The table {@code usage}. */
final class UsageRows {
    private UsageRows() {}

    static void insert(Handle handle, UsageRecord usage) {
        handle.createUpdate("""
                        INSERT INTO usage (tenant, session, model, input_tokens, output_tokens, cache_write_tokens,
                            cache_read_tokens, cost_micros, at)
                        VALUES (:tenant, :session, :model, :input, :output, :cacheWrite, :cacheRead, :cost, :at)
                        """)
                .bind("tenant", usage.tenant().value())
                .bind("session", usage.session().toString())
                .bind("model", usage.model())
                .bind("input", usage.inputTokens())
                .bind("output", usage.outputTokens())
                .bind("cacheWrite", usage.cacheWriteTokens())
                .bind("cacheRead", usage.cacheReadTokens())
                .bind("cost", usage.costMicros())
                .bind("at", usage.at())
                .execute();
    }

    static List<UsageTotals> totals(Handle handle, TenantId tenant, long from, long to) {
        return handle.createQuery("""
                        SELECT model, count(*) AS calls, sum(input_tokens) AS input, sum(output_tokens) AS output,
                            sum(cache_write_tokens) AS cache_write, sum(cache_read_tokens) AS cache_read,
                            sum(cost_micros) AS cost
                        FROM usage WHERE tenant = :tenant AND at >= :from AND at < :to
                        GROUP BY model ORDER BY model
                        """)
                .bind("tenant", tenant.value())
                .bind("from", from)
                .bind("to", to)
                .map((row, context) -> new UsageTotals(
                        row.getString("model"),
                        row.getLong("calls"),
                        row.getLong("input"),
                        row.getLong("output"),
                        row.getLong("cache_write"),
                        row.getLong("cache_read"),
                        row.getLong("cost")))
                .list();
    }
}
