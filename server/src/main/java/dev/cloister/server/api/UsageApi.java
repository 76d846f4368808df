package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageTotals;
import dev.cloister.server.wire.Addresses;
import dev.cloister.server.wire.Replies;
import io.javalin.http.Context;
import java.math.BigDecimal;
import java.util.List;
import java.util.function.ToLongFunction;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code GET /v1/usage}. Thread-safe. */
final class UsageApi {
    private final Authentication authentication;
    private final JsonMapper mapper;
    private final UsageSource source;

    UsageApi(Authentication authentication, JsonMapper mapper, UsageSource source) {
        this.authentication = authentication;
        this.mapper = mapper;
        this.source = source;
    }

    void get(Context context) {
        TenantId tenant = authentication.principal(context).tenant().id();
        long from = Addresses.number(context.req(), "from", 0, 0, Long.MAX_VALUE);
        long to = Addresses.number(context.req(), "to", Long.MAX_VALUE, 0, Long.MAX_VALUE);
        if (from > to) {
            throw CloisterException.invalid("from must not be later than to");
        }
        List<UsageTotals> totals = source.usage(tenant, from, to);
        ObjectNode body = mapper.createObjectNode();
        ArrayNode models = body.putArray("models");
        totals.forEach(total -> models.add(json(total).put("model", total.model())));
        body.set(
                "total",
                json(new UsageTotals(
                        "",
                        sum(totals, UsageTotals::calls),
                        sum(totals, UsageTotals::inputTokens),
                        sum(totals, UsageTotals::outputTokens),
                        sum(totals, UsageTotals::cacheWriteTokens),
                        sum(totals, UsageTotals::cacheReadTokens),
                        sum(totals, UsageTotals::costMicros))));
        body.set("sandbox", json(source.sandboxUsage(tenant)));
        Replies.json(context, 200, body);
    }

    private ObjectNode json(SandboxUsage usage) {
        return mapper.createObjectNode()
                .put("cpu_ms", usage.cpu().toMillis())
                .put("throttled_ms", usage.throttled().toMillis())
                .put("memory_peak_bytes", usage.memoryPeak())
                .put("oom_kills", usage.oomKills())
                .put("pids_refused", usage.pidsRefused());
    }

    private static long sum(List<UsageTotals> totals, ToLongFunction<UsageTotals> part) {
        return totals.stream().mapToLong(part).sum();
    }

    private ObjectNode json(UsageTotals totals) {
        return mapper.createObjectNode()
                .put("calls", totals.calls())
                .put("input_tokens", totals.inputTokens())
                .put("output_tokens", totals.outputTokens())
                .put("cache_creation_input_tokens", totals.cacheWriteTokens())
                .put("cache_read_input_tokens", totals.cacheReadTokens())
                .put("cost_usd", BigDecimal.valueOf(totals.costMicros(), 6));
    }
}
