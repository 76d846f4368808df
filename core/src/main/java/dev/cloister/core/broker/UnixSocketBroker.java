package dev.cloister.core.broker;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.socket.SocketServer;
import dev.cloister.core.usage.UsageTotals;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The broker on unix sockets: one HTTP server on virtual threads, one connector per session. Whoever can reach a socket is
 * taken for its session; the wall is the directory in which the socket stands. Thread-safe.
 *
 * <p>What crosses it: {@code POST /v1/messages} and {@code POST /v1/messages/count_tokens} with one of the session's
 * models, within the size and rate limits, with a fixed list of headers and the real credential; and answers, with a fixed
 * list of headers and without the credential, should the upstream repeat it.
 */
public final class UnixSocketBroker implements Broker {
    private static final int MOST_CONNECTIONS = 64;

    /** Ends an upload that stalls and a connection that is no longer used. */
    private static final Duration IDLE = Duration.ofMinutes(5);

    private final Metrics metrics;
    private final CloisterConfig.Broker limits;
    private final Clock clock;
    private final Duration idle;
    private final SocketServer server;

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
        Relay relay = new Relay(metrics, violations, sink, new PriceList(prices), clock);
        SessionHandler handler = new SessionHandler(metrics, violations, limits.body(), relay);
        server = new SocketServer("broker", handler, handler::ended);
    }

    @Override
    public BrokerChannel open(Path socket, BrokerSession session) {
        OpenChannel state = new OpenChannel(session, limits.requestsPerMinute(), clock);
        metrics.openBrokers().incrementAndGet();
        SocketServer.Channel channel = server.open(
                socket,
                state,
                idle,
                MOST_CONNECTIONS,
                state::rest,
                () -> metrics.openBrokers().decrementAndGet());
        return new Channel(channel, state);
    }

    @Override
    public void close() {
        server.close();
    }

    private record Channel(SocketServer.Channel socket, OpenChannel state) implements BrokerChannel {
        @Override
        public void serve(BrokerTurn turn) {
            state.serve(turn);
        }

        @Override
        public void rest() {
            state.rest();
        }

        @Override
        public UsageTotals used() {
            return state.last().map(ServedTurn::used).orElse(UsageTotals.NONE);
        }

        @Override
        public Optional<CloisterException> lastFailure() {
            return state.last().flatMap(ServedTurn::lastFailure);
        }

        @Override
        public void close() {
            socket.close();
        }
    }
}
