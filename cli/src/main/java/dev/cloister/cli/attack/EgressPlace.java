package dev.cloister.cli.attack;

import com.sun.net.httpserver.HttpServer;
import dev.cloister.core.egress.EgressBooks;
import dev.cloister.core.egress.EgressProxy;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.EgressRule;
import dev.cloister.core.socket.SocketServer;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.spi.SharedDirectory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * The real egress proxy for any sandbox, and one host that stands on its list; all its names lead to this machine. Not
 * thread-safe; closing it ends the proxy.
 */
final class EgressPlace implements AutoCloseable {
    /** Where everything public is open. */
    private static final TenantId OPEN = new TenantId("1".repeat(32));

    private static final TenantId LISTED = new TenantId("2".repeat(32));
    private static final TenantId VICTIM = new TenantId("3".repeat(32));
    private static final EgressLimits LIMITS = new EgressLimits(64, 10_000, OptionalLong.empty());
    private static final InetAddress HERE = InetAddress.ofLiteral("127.0.0.1");
    private static final int MOST_HEARD = 1 << 20;

    private final HttpServer far;
    private final EgressProxy proxy;
    private final StringBuffer heard = new StringBuffer();

    private EgressPlace(HttpServer far) {
        this.far = far;
        int port = far.getAddress().getPort();
        Map<TenantId, EgressPolicy> policies = Map.of(
                OPEN, new EgressPolicy(EgressMode.OPEN, List.of()),
                LISTED,
                        policy(
                                "listed.test:" + port,
                                "GET http://paths.test:" + port + "/public/*",
                                "127.0.0.1:" + port),
                VICTIM, policy("127.0.0.1:" + port));
        Metrics metrics = new Metrics(new SimpleMeterRegistry());
        proxy = new EgressProxy(
                tenant -> policies.getOrDefault(tenant, EgressPolicy.CLOSED),
                EgressPlace::resolve,
                new EgressBooks(
                        metrics,
                        new Violations((actor, action, detail) -> {}, metrics, "attack"),
                        (actor, action, detail) -> {}),
                LIMITS,
                Clock.systemUTC());
    }

    static EgressPlace start() throws IOException {
        HttpServer far = HttpServer.create(new InetSocketAddress(HERE, 0), 0);
        EgressPlace place = new EgressPlace(far);
        far.createContext("/", exchange -> {
            place.hear(exchange.getRequestURI().toString());
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        far.start();
        return place;
    }

    private static EgressPolicy policy(String... rules) {
        return new EgressPolicy(
                EgressMode.ALLOWLIST,
                Stream.of(rules)
                        .map(rule -> EgressRule.parse(rule).orElseThrow())
                        .toList());
    }

    /** No name is asked for outside: what would be public is never connected to. */
    private static List<InetAddress> resolve(String name) {
        return name.equals("both.test") ? List.of(HERE, InetAddress.ofLiteral("8.8.8.8")) : List.of(HERE);
    }

    private void hear(String url) {
        if (heard.length() < MOST_HEARD) {
            heard.append(url).append('\n');
        }
    }

    /** Whether a word came to the host on the list, as a part of what was asked for. */
    boolean heard(String word) {
        return heard.indexOf(word) >= 0;
    }

    /** What attacks are told of the host on the list. */
    String port() {
        return Integer.toString(far.getAddress().getPort());
    }

    /** The sockets of a pair of tenants: two of the attacker's, and one of the victim's. */
    record Sockets(Map<String, String> told, List<AutoCloseable> parts) implements AutoCloseable {
        @Override
        public void close() throws Exception {
            for (AutoCloseable part : parts) {
                part.close();
            }
        }
    }

    Sockets sockets(SandboxTenant victim, SandboxTenant attacker) {
        SharedDirectory own = attacker.sandbox().share();
        SharedDirectory others = victim.sandbox().share();
        Path theirs = others.host().resolve("out");
        List<AutoCloseable> parts = List.of(
                open(own, own.host().resolve("open"), OPEN),
                open(own, own.host().resolve("listed"), LISTED),
                open(others, theirs, VICTIM),
                own::close,
                others::close);
        return new Sockets(
                Map.of(
                        "EGRESS",
                        own.inner() + "/open",
                        "EGRESS_LISTED",
                        own.inner() + "/listed",
                        "V_EGRESS",
                        theirs.toString(),
                        "FAR",
                        port()),
                parts);
    }

    private SocketServer.Channel open(SharedDirectory share, Path socket, TenantId tenant) {
        SocketServer.Channel channel = proxy.open(socket, tenant);
        share.admit(socket);
        return channel;
    }

    @Override
    public void close() {
        proxy.close();
        far.stop(0);
    }
}
