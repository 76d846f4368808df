package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Guarantees;
import dev.cloister.server.wire.Replies;
import dev.cloister.spi.Guarantee;
import io.javalin.http.Context;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.function.Supplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What operators and clients ask about the server itself. Thread-safe. */
final class OperationsApi {
    private final JsonMapper mapper;
    private final Supplier<Readiness> readiness;
    private final Supplier<Guarantees> guarantees;
    private final PrometheusMeterRegistry meters;
    private final boolean openMetrics;
    private final byte[] description;

    /** @param openMetrics whether metrics are for everybody, not only for this machine */
    OperationsApi(
            JsonMapper mapper,
            Supplier<Readiness> readiness,
            Supplier<Guarantees> guarantees,
            PrometheusMeterRegistry meters,
            boolean openMetrics) {
        this.mapper = mapper;
        this.readiness = readiness;
        this.guarantees = guarantees;
        this.meters = meters;
        this.openMetrics = openMetrics;
        this.description = resource("/dev/cloister/server/openapi.json");
    }

    private static byte[] resource(String name) {
        try (InputStream in = Objects.requireNonNull(OperationsApi.class.getResourceAsStream(name), name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void health(Context context) {
        Replies.json(context, 200, mapper.createObjectNode().put("status", "ok"));
    }

    void ready(Context context) {
        Readiness now = readiness.get();
        if (!now.ready()) {
            throw new CloisterException(ErrorCode.NOT_READY, "not ready: " + String.join("; ", now.reasons()));
        }
        Replies.json(context, 200, mapper.createObjectNode().put("status", "ready"));
    }

    void metrics(Context context) {
        if (!openMetrics && !fromThisMachine(context)) {
            throw new CloisterException(
                    ErrorCode.FORBIDDEN, "metrics are only for this machine; set metrics.open to open them");
        }
        Replies.bytes(
                context,
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                meters.scrape().getBytes(StandardCharsets.UTF_8));
    }

    /** A proxy on this machine speaks for somebody else. */
    private static boolean fromThisMachine(Context context) {
        if (context.req().getHeader("Forwarded") != null || context.req().getHeader("X-Forwarded-For") != null) {
            return false;
        }
        try {
            return InetAddress.getByName(context.req().getRemoteAddr()).isLoopbackAddress();
        } catch (UnknownHostException _) {
            return false;
        }
    }

    void openApi(Context context) {
        Replies.bytes(context, 200, "application/json", description);
    }

    void guarantees(Context context) {
        Guarantees now = guarantees.get();
        ObjectNode body = mapper.createObjectNode();
        body.put("mode", now.mode().id()).put("weak", now.weak());
        ArrayNode list = body.putArray("guarantees");
        for (Guarantee guarantee : Guarantee.values()) {
            list.addObject()
                    .put("name", guarantee.name())
                    .put("promise", guarantee.promise())
                    .put("holds", now.holds().contains(guarantee));
        }
        ArrayNode findings = body.putArray("findings");
        now.findings()
                .forEach(finding -> findings.addObject()
                        .put("what", finding.what())
                        .put("why", finding.why())
                        .put("remedy", finding.remedy()));
        Replies.json(context, 200, body);
    }
}
