package dev.cloister.server.net;

import dev.cloister.core.tenant.TenantId;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.RequestLog;
import org.eclipse.jetty.server.Response;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** One line and one measurement per request: never a path, a query or a header as the client sent it. Thread-safe. */
public final class AccessLog implements RequestLog {
    private static final Logger LOG = LoggerFactory.getLogger("dev.cloister.access");

    private final MeterRegistry meters;

    public AccessLog(MeterRegistry meters) {
        this.meters = meters;
    }

    @Override
    public void log(Request request, Response response) {
        Optional<Exchange> exchange = Exchange.of(request);
        String id = Optional.ofNullable(response.getHeaders().get(Answers.REQUEST_ID))
                .orElse("none");
        String method = HttpMethod.fromString(request.getMethod()) == null ? "OTHER" : request.getMethod();
        String route = exchange.map(Exchange::route).orElse("malformed");
        int status = response.getStatus();
        String tenant = exchange.flatMap(Exchange::tenant).map(TenantId::value).orElse("none");
        Duration took = Duration.ofNanos(
                System.nanoTime() - exchange.map(Exchange::begunNanos).orElse(request.getBeginNanoTime()));
        try (var _ = MDC.putCloseable(Reception.LOG_KEY, id)) {
            LOG.info("{} {} {} {} ms tenant {}", method, route, status, took.toMillis(), tenant);
        }
        Timer.builder("http_request_duration")
                .description("time from a request's first byte to the end of its answer")
                .tag("method", method)
                .tag("route", route)
                .tag("status", Integer.toString(status))
                .register(meters)
                .record(took);
    }
}
