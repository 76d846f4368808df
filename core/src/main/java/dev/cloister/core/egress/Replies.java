package dev.cloister.core.egress;

import dev.cloister.core.egress.Gate.Answer;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** What the proxy itself answers, for whoever sits in the sandbox. Pure but for the answer. */
final class Replies {
    /** Clients that do not show the body of a refused tunnel may show its head. */
    private static final String HEADER = "Cloister-Egress";

    private Replies() {}

    static void stop(Response response, Callback callback, Answer.Stop stop) {
        response.setStatus(stop.status());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8");
        response.getHeaders().put(HEADER, stop.message());
        if (!stop.retryAfter().isZero()) {
            response.getHeaders()
                    .put(HttpHeader.RETRY_AFTER, Long.toString(stop.retryAfter().toSeconds()));
        }
        response.write(
                true,
                ByteBuffer.wrap(("cloister: " + stop.message() + "\n").getBytes(StandardCharsets.UTF_8)),
                callback);
    }

    /** Says nothing of addresses: they may be the operator's own. */
    static Answer.Stop unreachable(String target, Throwable failure) {
        boolean late = failure instanceof TimeoutException || failure instanceof SocketTimeoutException;
        return late
                ? new Answer.Stop(504, target + " did not answer in time")
                : new Answer.Stop(502, target + " could not be reached");
    }
}
