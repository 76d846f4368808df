package dev.cloister.server.net;

import dev.cloister.core.tenant.TenantId;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Objects;
import java.util.Optional;
import org.eclipse.jetty.util.Attributes;
import org.jspecify.annotations.Nullable;

/** One request and its answer: what all who handle it share. Confined to the thread that handles the request. */
public final class Exchange {
    private static final String ATTRIBUTE = Exchange.class.getName();

    private final String requestId;
    private final ClientConnection connection;
    private final long begunNanos;
    private String route = "none";
    private @Nullable TenantId tenant;

    Exchange(String requestId, ClientConnection connection, long begunNanos) {
        this.requestId = requestId;
        this.connection = connection;
        this.begunNanos = begunNanos;
    }

    public static Exchange of(HttpServletRequest request) {
        return Objects.requireNonNull((Exchange) request.getAttribute(ATTRIBUTE), "the request went around Reception");
    }

    /** Empty for a request that was malformed before it had a handler. */
    public static Optional<Exchange> of(Attributes request) {
        return Optional.ofNullable((Exchange) request.getAttribute(ATTRIBUTE));
    }

    void attachTo(Attributes request) {
        request.setAttribute(ATTRIBUTE, this);
    }

    public String requestId() {
        return requestId;
    }

    public ClientConnection connection() {
        return connection;
    }

    /** When the request began, on the clock of {@link System#nanoTime}. */
    long begunNanos() {
        return begunNanos;
    }

    /** The route's template, never the path itself. */
    public String route() {
        return route;
    }

    public void route(String template) {
        this.route = template;
    }

    public Optional<TenantId> tenant() {
        return Optional.ofNullable(tenant);
    }

    public void tenant(TenantId id) {
        this.tenant = id;
    }
}
