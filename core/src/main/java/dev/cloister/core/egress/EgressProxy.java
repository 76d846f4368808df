package dev.cloister.core.egress;

import dev.cloister.core.egress.Gate.Answer;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.socket.OwnedSocket;
import dev.cloister.core.tenant.TenantId;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.thread.VirtualThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only way from a sandbox to the network: an HTTP proxy on a unix socket per tenant. A name is resolved here, once for each
 * request; the connection goes to the address that was checked. Thread-safe.
 */
public final class EgressProxy implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EgressProxy.class);
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(15);
    private static final Duration IDLE = Duration.ofMinutes(10);

    private final EgressBooks books;
    private final EgressLimits limits;
    private final Clock clock;
    private final Server server;
    private final Set<EgressChannel> channels = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean closed = new AtomicBoolean();

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
        this.books = books;
        this.limits = limits;
        this.clock = clock;
        VirtualThreadPool threads = new VirtualThreadPool();
        threads.setName("egress");
        // Every tenant has a selector that never ends, so a bound on tasks would be a bound on tenants.
        threads.setMaxConcurrentTasks(0);
        server = new Server(threads);
        Gate gate = new Gate(policies, resolver, books);
        server.setHandler(
                new Tunnels(gate, books, new PlainRequests(gate, books, CONNECT_TIMEOUT, IDLE), CONNECT_TIMEOUT, IDLE));
        server.setErrorHandler((request, response, callback) -> {
            int status = Math.max(400, response.getStatus());
            Replies.stop(
                    response,
                    callback,
                    new Answer.Stop(status, status < 500 ? "the request is not acceptable HTTP" : "the proxy failed"));
            return true;
        });
        try {
            server.start();
        } catch (Exception e) {
            throw new CloisterException(ErrorCode.INTERNAL, "the egress proxy did not start; see the log", e);
        }
    }

    /** A tenant's open socket. Closing it ends every connection that runs through it. Idempotent. */
    public final class EgressChannel implements AutoCloseable {
        private final Account account;
        private final OwnedSocket socket;
        private final AtomicBoolean ended = new AtomicBoolean();

        private EgressChannel(Account account, OwnedSocket socket) {
            this.account = account;
            this.socket = socket;
        }

        @Override
        public void close() {
            if (ended.compareAndSet(false, true)) {
                socket.end();
                account.close();
                channels.remove(this);
                books.used(account.tenant(), account.used());
            }
        }
    }

    /**
     * Binds a socket at {@code path}, whose directory must exist and be closed to everybody but the server and the tenant.
     *
     * @throws CloisterException INTERNAL if it cannot be bound, NOT_READY if the server is stopping
     */
    public EgressChannel open(Path path, TenantId tenant) {
        Account account = new Account(tenant, limits, clock);
        EgressChannel channel =
                new EgressChannel(account, OwnedSocket.open(server, path, account, IDLE, limits.connections()));
        channels.add(channel);
        if (closed.get()) {
            channel.close();
            throw new CloisterException(ErrorCode.NOT_READY, "the server is stopping");
        }
        return channel;
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        channels.forEach(EgressChannel::close);
        try {
            server.stop();
        } catch (Exception e) {
            LOG.warn("the egress proxy did not stop cleanly", e);
        }
    }
}
