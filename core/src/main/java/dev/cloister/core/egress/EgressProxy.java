package dev.cloister.core.egress;

import dev.cloister.core.egress.Gate.Answer;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.socket.SocketServer;
import dev.cloister.core.tenant.TenantId;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The only way from a sandbox to the network: an HTTP proxy on a unix socket per tenant. A name is resolved here, once for each
 * request; the connection goes to the address that was checked. Thread-safe.
 */
public final class EgressProxy implements AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(15);
    private static final Duration IDLE = Duration.ofMinutes(10);

    private final Function<TenantId, EgressPolicy> policies;
    private final EgressBooks books;
    private final EgressLimits limits;
    private final Clock clock;
    private final SocketServer server;

    /** Of every tenant that had a way out since the server started: a bound that ended with a sandbox would bind nobody. */
    private final Map<TenantId, Bounds> bounds = new ConcurrentHashMap<>();

    /**
     * Starts the server; it listens nowhere until a channel is opened.
     *
     * @param policies asked at each request, so that a change counts at once
     */
    public EgressProxy(
            Function<TenantId, EgressPolicy> policies,
            Resolver resolver,
            EgressBooks books,
            EgressLimits limits,
            Clock clock) {
        this.policies = policies;
        this.books = books;
        this.limits = limits;
        this.clock = clock;
        Gate gate = new Gate(policies, resolver, books);
        Tunnels tunnels =
                new Tunnels(gate, books, new PlainRequests(gate, books, CONNECT_TIMEOUT, IDLE), CONNECT_TIMEOUT, IDLE);
        server = new SocketServer("egress proxy", tunnels, (request, response, callback) -> {
            int status = Math.max(400, response.getStatus());
            Replies.stop(
                    response,
                    callback,
                    new Answer.Stop(status, status < 500 ? "the request is not acceptable HTTP" : "the proxy failed"));
            return true;
        });
    }

    /**
     * Binds a tenant's socket at {@code path}, whose directory must exist and be closed to everybody but the server and the tenant.
     * Closing the result ends every connection that runs through it.
     *
     * @throws CloisterException INTERNAL if it cannot be bound, NOT_READY if the server is stopping
     */
    public SocketServer.Channel open(Path path, TenantId tenant) {
        Account account = new Account(tenant, bounds.computeIfAbsent(tenant, ignored -> new Bounds(limits, clock)));
        return server.open(path, account, IDLE, limits.connections(), () -> {}, () -> {
            account.close();
            books.used(tenant, account.used());
        });
    }

    /** What the proxy adds to a tenant's requests now. */
    public List<HostCredential> credentials(TenantId tenant) {
        return policies.apply(tenant).credentials();
    }

    @Override
    public void close() {
        server.close();
    }
}
