package dev.cloister.server;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.server.api.Api;
import dev.cloister.server.api.Collaborators;
import dev.cloister.server.api.PortsApi;
import dev.cloister.server.net.AccessLog;
import dev.cloister.server.net.ErrorAnswers;
import dev.cloister.server.net.Reception;
import dev.cloister.server.net.RequestIds;
import dev.cloister.server.net.WatchedConnector;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.util.JavalinException;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.LowResourceMonitor;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP API on a socket. Each request runs on a virtual thread of its own. {@link #close} ends running turns and
 * commands with an error, waits a moment for their answers, and closes every connection; it is idempotent.
 */
public final class HttpServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
    private static final Duration IDLE = Duration.ofSeconds(60);
    private static final Duration STOP = Duration.ofSeconds(5);
    private static final Duration SHUTDOWN_IDLE = Duration.ofMillis(200);
    private static final int MAX_CONNECTIONS = 4096;
    /** A refused body is read to its end where that end is not far, so that the client reads the answer. */
    private static final int DRAIN_BODIES = 4;

    private final AtomicBoolean stopping = new AtomicBoolean();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final ExecutorService handlers;
    private final Javalin javalin;

    public HttpServer(Collaborators collaborators) {
        this(collaborators, IDLE);
    }

    /** @param idle how long a connection without a request is kept, and how long a client may leave an answer unread */
    HttpServer(Collaborators collaborators, Duration idle) {
        this.handlers = Executors.newThreadPerTaskExecutor(
                Thread.ofVirtual().name("http-", 0).factory());
        Api api = new Api(collaborators, stopping::get);
        this.javalin = Javalin.create(javalin -> configure(javalin, collaborators, api, idle));
    }

    private void configure(JavalinConfig javalin, Collaborators with, Api api, Duration idle) {
        CloisterConfig config = with.config();
        RequestIds ids = new RequestIds(new SecureRandom());
        ErrorAnswers errors = new ErrorAnswers(ids);
        javalin.startup.showJavalinBanner = false;
        javalin.startup.showOldJavalinVersionWarning = false;
        javalin.startup.startupWatcherEnabled = false;
        javalin.http.prefer405over404 = true;
        javalin.http.compressionStrategy = CompressionStrategy.NONE;
        javalin.router.javaLangErrorHandler(HttpServer::failed);
        javalin.jetty.threadPool = threads();
        javalin.jetty.modifyHttpConfiguration(http -> configure(http, config.limits()));
        javalin.jetty.addConnector((server, http) -> {
            WatchedConnector connector =
                    new WatchedConnector(server, http, config.limits().requestTime());
            connector.setHost(config.http().host());
            connector.setPort(config.http().port());
            connector.setIdleTimeout(idle.toMillis());
            connector.setShutdownIdleTimeout(SHUTDOWN_IDLE.toMillis());
            connector.addBean(new NetworkConnectionLimit(MAX_CONNECTIONS, connector));
            return connector;
        });
        javalin.jetty.modifyServer(server -> {
            server.setErrorHandler(errors);
            server.setRequestLog(new AccessLog(with.meters()));
            server.setStopTimeout(STOP.toMillis());
            removeLowResourceMonitor(server);
            server.insertHandler(new PortsApi(with));
            server.insertHandler(new Reception(
                    ids, with.warning(), DRAIN_BODIES * config.limits().body()));
        });
        javalin.jetty.modifyServletContextHandler(context -> {
            context.setErrorHandler(errors);
            context.getServletHandler().setDecodeAmbiguousURIs(true);
        });
        api.register(javalin.routes);
    }

    private static void failed(HttpServletResponse response, Error error) {
        LOG.error("the request failed", error);
        try {
            response.sendError(HttpServletResponse.SC_INTERNAL_SERVER_ERROR);
        } catch (IOException | IllegalStateException e) {
            LOG.debug("nobody could be told", e);
        }
    }

    private QueuedThreadPool threads() {
        QueuedThreadPool pool = new QueuedThreadPool(32, 4);
        pool.setName("jetty");
        pool.setVirtualThreadsExecutor(handlers);
        return pool;
    }

    /** It would shorten the time that silent answers may take. */
    private static void removeLowResourceMonitor(Server server) {
        LowResourceMonitor monitor = server.getBean(LowResourceMonitor.class);
        if (monitor != null) {
            server.removeBean(monitor);
        }
    }

    private static void configure(HttpConfiguration http, CloisterConfig.Limits limits) {
        http.setSendServerVersion(false);
        http.setRequestHeaderSize(limits.headers());
        // These reach the handler, which decodes the path itself and refuses them with a sentence.
        http.setUriCompliance(UriCompliance.DEFAULT.with(
                "CLOISTER",
                UriCompliance.Violation.AMBIGUOUS_PATH_SEGMENT,
                UriCompliance.Violation.AMBIGUOUS_EMPTY_SEGMENT,
                UriCompliance.Violation.AMBIGUOUS_PATH_SEPARATOR,
                UriCompliance.Violation.AMBIGUOUS_PATH_PARAMETER,
                UriCompliance.Violation.AMBIGUOUS_PATH_ENCODING,
                UriCompliance.Violation.SUSPICIOUS_PATH_CHARACTERS));
    }

    /**
     * Binds the address and begins to answer.
     *
     * @throws CloisterException INTERNAL if the address cannot be bound
     */
    public void start() {
        try {
            javalin.start();
        } catch (JavalinException e) {
            throw new CloisterException(
                    ErrorCode.INTERNAL, "the HTTP server cannot start; choose another --host or --port", e);
        }
    }

    /** The port that it listens on. */
    public int port() {
        return javalin.port();
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            stopping.set(true);
            javalin.stop();
            handlers.shutdown();
        }
    }
}
