package dev.cloister.server.net;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.MDC;

/**
 * The outermost handler: names the request, puts the common headers on its answer, and when the answer went out before
 * the body was read, reads the rest, within bounds. Without that, closing the connection would reset it and a client still
 * sending would never see the answer.
 */
public final class Reception extends Handler.Wrapper {
    static final String LOG_KEY = "request_id";
    private static final Duration DRAIN_TIME = Duration.ofSeconds(10);
    private static final Duration DRAIN_SILENCE = Duration.ofSeconds(2);

    private final RequestIds ids;
    private final Supplier<Optional<String>> warning;
    private final long drainBytes;

    /**
     * @param warning a sentence for every answer where tenants are not really kept apart
     * @param drainBytes how much of an unread body is read at most
     */
    public Reception(RequestIds ids, Supplier<Optional<String>> warning, long drainBytes) {
        this.ids = ids;
        this.warning = warning;
        this.drainBytes = drainBytes;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        if (!(request.getConnectionMetaData().getConnection().getEndPoint() instanceof ClientConnection connection)) {
            throw new IllegalStateException("the connector is not a WatchedConnector");
        }
        String id = ids.next();
        Exchange exchange = new Exchange(id, connection, request.getBeginNanoTime());
        exchange.attachTo(request);
        Answers.commonHeaders(response.getHeaders(), id);
        warning.get().ifPresent(text -> response.getHeaders().put("Cloister-Warning", text));
        connection.requestBegun(hasBody(request));
        try (var _ = MDC.putCloseable(LOG_KEY, id)) {
            return super.handle(request, response, new Callback.Nested(callback) {
                @Override
                public void succeeded() {
                    drain(request);
                    connection.requestAnswered();
                    super.succeeded();
                }

                @Override
                public void failed(Throwable failure) {
                    connection.requestAnswered();
                    super.failed(failure);
                }
            });
        }
    }

    private static boolean hasBody(Request request) {
        return request.getLength() > 0 || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
    }

    private void drain(Request request) {
        if (!hasBody(request)) {
            return;
        }
        long end = System.nanoTime() + DRAIN_TIME.toNanos();
        long left = drainBytes;
        Semaphore available = new Semaphore(0);
        try {
            while (left >= 0 && System.nanoTime() < end) {
                Content.Chunk chunk = request.read();
                if (chunk == null) {
                    request.demand(available::release);
                    if (!available.tryAcquire(DRAIN_SILENCE.toNanos(), TimeUnit.NANOSECONDS)) {
                        return;
                    }
                    continue;
                }
                left -= chunk.remaining();
                chunk.release();
                if (chunk.isLast() || Content.Chunk.isFailure(chunk)) {
                    return;
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }
}
