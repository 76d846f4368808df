package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Ports;
import dev.cloister.core.socket.SilentProxy;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.server.net.Answers;
import dev.cloister.server.net.Exchange;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.Transport;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * {@code /v1/ports/{port}/…}: HTTP and WebSocket to a server that the caller runs in its sandbox. What it answers is the tenant's
 * word and passed on as it is, without the headers that protect this server's own answers. Stands before the router, which
 * knows neither upgrades nor answers that are not its own. Thread-safe.
 */
public final class PortsApi extends Handler.Wrapper {
    static final String TEMPLATE = "/v1/ports/{port}/{path}";

    /** Those that are documented; others pass too. */
    static final Set<String> METHODS = Set.of("GET", "POST", "PUT", "PATCH", "DELETE");

    private static final String PREFIX = "/v1/ports";
    private static final Pattern PATH = Pattern.compile("/v1/ports/(?<port>[0-9]{1,5})(?<path>/.*)?");
    /** What is the caller's and this server's, and nobody's in the sandbox. */
    static final List<String> FOR_THE_SERVER = List.of("authorization", "x-api-key", "proxy-authorization");

    private static final int MOST = 1024;
    private static final int MOST_PER_TENANT = 64;
    private static final Duration IDLE = Duration.ofMinutes(5);

    private final boolean open;
    private final Authentication authentication;
    private final Ports ports;
    private final Quota quota = new Quota("requests to ports", MOST, MOST_PER_TENANT, Quota.Queue.NONE);
    private final Relay relay = new Relay();

    /** @param with the ports and who may ask for them */
    public PortsApi(Collaborators with) {
        this.open = with.config().ports().open();
        this.authentication = new Authentication(with.authenticator());
        this.ports = with.ports();
        addBean(relay, true);
    }

    @Override
    public void setServer(Server server) {
        super.setServer(server);
        relay.setServer(server);
    }

    /** Where a request goes. */
    private record Target(int port, String path, SocketChannel channel) {}

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        String path = request.getHttpURI().getPath();
        if (path == null || !(path.equals(PREFIX) || path.startsWith(PREFIX + "/"))) {
            return super.handle(request, response, callback);
        }
        Exchange exchange = Exchange.of(request).orElseThrow();
        exchange.route(TEMPLATE);
        try {
            TenantId tenant = authentication
                    .principal(request.getHeaders()::getValuesList, exchange)
                    .tenant()
                    .id();
            Quota.Permit permit = quota.take(tenant);
            try {
                lead(request, response, callback, target(tenant, path), permit);
            } catch (RuntimeException | IOException e) {
                permit.close();
                throw e;
            }
        } catch (CloisterException e) {
            refuse(response, callback, e, exchange);
        } catch (IOException e) {
            refuse(
                    response,
                    callback,
                    new CloisterException(ErrorCode.UPSTREAM_UNREACHABLE, "what listens there ended the connection", e),
                    exchange);
        }
        return true;
    }

    private Target target(TenantId tenant, String path) {
        if (!open) {
            throw new CloisterException(
                    ErrorCode.FORBIDDEN,
                    "ports of sandboxes are closed on this server; the operator can set ports.open");
        }
        Matcher matcher = PATH.matcher(path);
        int port = matcher.matches() ? Integer.parseInt(matcher.group("port")) : 0;
        if (port < 1 || port > 0xFFFF) {
            throw CloisterException.invalid("the address must be /v1/ports/PORT/…, with a port from 1 to 65535");
        }
        return ports.connect(tenant, port)
                .map(channel -> new Target(
                        port, Optional.ofNullable(matcher.group("path")).orElse("/"), channel))
                .orElseThrow(() -> CloisterException.notFound("nothing of yours that runs now listens on port " + port
                        + "; start it with a command or in a turn, and ask while that runs"));
    }

    private void lead(Request request, Response response, Callback callback, Target target, Quota.Permit permit)
            throws IOException {
        List.of(
                        "Cache-Control",
                        "Content-Security-Policy",
                        "Cross-Origin-Resource-Policy",
                        "Referrer-Policy",
                        "X-Content-Type-Options",
                        "X-Frame-Options")
                .forEach(response.getHeaders()::remove);
        if (HttpMethod.GET.is(request.getMethod())
                && "websocket".equalsIgnoreCase(request.getHeaders().get(HttpHeader.UPGRADE))) {
            PortTunnel.open(
                    request,
                    response,
                    callback,
                    new PortTunnel.Far(target.channel(), target.port(), pathAndQuery(request, target), permit::close));
        } else {
            request.setAttribute(Relay.TARGET, target);
            relay.handle(request, response, Callback.from(callback, permit::close));
        }
    }

    private static String pathAndQuery(Request request, Target target) {
        String query = request.getHttpURI().getQuery();
        return target.path() + (query == null ? "" : "?" + query);
    }

    private static void refuse(Response response, Callback callback, CloisterException failure, Exchange exchange) {
        response.setStatus(failure.code().status());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Answers.JSON);
        failure.retryAfter()
                .ifPresent(wait -> response.getHeaders().put(HttpHeader.RETRY_AFTER, Answers.retryAfter(wait)));
        byte[] body = Answers.error(failure, exchange.requestId()).toString().getBytes(StandardCharsets.UTF_8);
        response.write(true, ByteBuffer.wrap(body), callback);
    }

    /** Plain requests, by the connection that is there already. */
    private static final class Relay extends SilentProxy {
        static final String TARGET = Relay.class.getName() + ".target";

        /** A connection of its own for each request: what it leads to may be another process the next time. */
        private record Given(SocketChannel channel) implements Transport {
            @Override
            public boolean requiresDomainNameResolution() {
                return false;
            }

            @Override
            public void connect(SocketAddress address, Map<String, Object> context) {
                ClientConnector connector =
                        (ClientConnector) Objects.requireNonNull(context.get(ClientConnector.CONTEXT_KEY));
                connector.accept(channel, context);
            }

            @Override
            public EndPoint newEndPoint(
                    Scheduler scheduler, ManagedSelector selector, SelectableChannel selectable, SelectionKey key) {
                return Transport.TCP_IP.newEndPoint(scheduler, selector, selectable, key);
            }

            @Override
            public Connection newConnection(EndPoint endPoint, Map<String, Object> context) throws IOException {
                return Transport.TCP_IP.newConnection(endPoint, context);
            }
        }

        Relay() {
            super(IDLE);
        }

        private static Target target(Request request) {
            return (Target) Objects.requireNonNull(request.getAttribute(TARGET));
        }

        @Override
        protected void configureHttpClient(HttpClient client) {
            super.configureHttpClient(client);
            client.setDestinationIdleTimeout(1);
        }

        @Override
        protected HttpURI rewriteHttpURI(Request request) {
            Target target = target(request);
            return HttpURI.from("http://localhost:" + target.port() + pathAndQuery(request, target));
        }

        @Override
        protected org.eclipse.jetty.client.Request newProxyToServerRequest(Request request, HttpURI to) {
            return super.newProxyToServerRequest(request, to)
                    .transport(new Given(target(request).channel()));
        }

        @Override
        protected void copyRequestHeaders(Request request, org.eclipse.jetty.client.Request onward) {
            super.copyRequestHeaders(request, onward);
            int port = target(request).port();
            onward.headers(headers -> {
                FOR_THE_SERVER.forEach(headers::remove);
                headers.put(HttpHeader.HOST, "localhost:" + port);
                headers.put("X-Forwarded-Prefix", PREFIX + "/" + port);
                headers.put(HttpHeader.CONNECTION, "close");
            });
        }

        @Override
        protected void unanswered(Request request, Response response, Callback callback, Throwable failure) {
            refuse(
                    response,
                    callback,
                    new CloisterException(ErrorCode.UPSTREAM_UNREACHABLE, "what listens there gave no HTTP answer"),
                    Exchange.of(request).orElseThrow());
        }
    }
}
