package dev.cloister.core.broker;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.socket.OwnedSocket;
import dev.cloister.core.usage.UsageTotals;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.thread.VirtualThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The broker on unix sockets: one HTTP server on virtual threads, one connector per session. Whoever can reach a socket is
 * taken for its session; the wall is the directory in which the socket stands. Thread-safe.
 *
 * <p>What crosses it: {@code POST /v1/messages} and {@code POST /v1/messages/count_tokens} with one of the session's
 * models, within the size and rate limits, with a fixed list of headers and the real credential; and answers, with a fixed
 * list of headers and without the credential, should the upstream repeat it.
 */
public final class UnixSocketBroker implements Broker {
    private static final Logger LOG = LoggerFactory.getLogger(UnixSocketBroker.class);

    private static final int MOST_CONNECTIONS = 64;

    /** Ends an upload that stalls and a connection that is no longer used. */
    private static final Duration IDLE = Duration.ofMinutes(5);

    private final Metrics metrics;
    private final CloisterConfig.Broker limits;
    private final Clock clock;
    private final Duration idle;
    private final Server server;
    private final Set<Channel> channels = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Starts the server; it listens nowhere until a channel is opened. */
    public UnixSocketBroker(
            Metrics metrics,
            Violations violations,
            UsageSink sink,
            CloisterConfig.Broker limits,
            List<CloisterConfig.Price> prices,
            Clock clock) {
        this(metrics, violations, sink, limits, prices, clock, IDLE);
    }

    UnixSocketBroker(
            Metrics metrics,
            Violations violations,
            UsageSink sink,
            CloisterConfig.Broker limits,
            List<CloisterConfig.Price> prices,
            Clock clock,
            Duration idle) {
        this.metrics = metrics;
        this.limits = limits;
        this.clock = clock;
        this.idle = idle;
        VirtualThreadPool threads = new VirtualThreadPool();
        threads.setName("broker");
        // Every session has a selector that never ends, so a bound on tasks would be a bound on sessions.
        threads.setMaxConcurrentTasks(0);
        this.server = new Server(threads);
        Relay relay = new Relay(metrics, violations, sink, new PriceList(prices), clock);
        SessionHandler handler = new SessionHandler(metrics, violations, limits.body(), relay);
        server.setHandler(handler);
        server.setErrorHandler(handler::ended);
        try {
            server.start();
        } catch (Exception e) {
            throw new CloisterException(ErrorCode.INTERNAL, "the broker did not start; see the log", e);
        }
    }

    @Override
    public BrokerChannel open(Path socket, BrokerSession session) {
        OpenChannel state = new OpenChannel(session, limits.requestsPerMinute(), clock);
        Channel channel = new Channel(OwnedSocket.open(server, socket, state, idle, MOST_CONNECTIONS), state);
        channels.add(channel);
        metrics.openBrokers().incrementAndGet();
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
        channels.forEach(Channel::close);
        try {
            server.stop();
        } catch (Exception e) {
            LOG.warn("the broker did not stop cleanly", e);
        }
    }

    private final class Channel implements BrokerChannel {
        private final OwnedSocket socket;
        private final OpenChannel state;
        private final AtomicBoolean ended = new AtomicBoolean();

        Channel(OwnedSocket socket, OpenChannel state) {
            this.socket = socket;
            this.state = state;
        }

        @Override
        public UsageTotals used() {
            return state.used();
        }

        @Override
        public Optional<CloisterException> lastFailure() {
            return state.lastFailure();
        }

        @Override
        public void close() {
            if (!ended.compareAndSet(false, true)) {
                return;
            }
            state.cutAll();
            socket.end();
            channels.remove(this);
            metrics.openBrokers().decrementAndGet();
        }
    }
}
