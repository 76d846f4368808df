package dev.cloister.core.broker;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.socket.OwnedSocket;
import dev.cloister.core.upstream.MessagesError;
import dev.cloister.core.upstream.UpstreamRequest;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Decides what of a sandbox's requests goes to the upstream. One virtual thread per request. */
final class SessionHandler extends Handler.Abstract {
    private static final String MESSAGES = "/v1/messages";
    private static final Set<String> PATHS = Set.of(MESSAGES, MESSAGES + "/count_tokens");
    private static final Pattern QUERY = Pattern.compile("([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2}){0,1024}");

    /** How much of a body that is too large is read and thrown away, so that its sender lives to read the answer. */
    private static final long MOST_DISCARDED = 64L * 1024 * 1024;

    private final Metrics metrics;
    private final Violations violations;
    private final long bodyLimit;
    private final Relay relay;

    SessionHandler(Metrics metrics, Violations violations, long bodyLimit, Relay relay) {
        this.metrics = metrics;
        this.violations = violations;
        this.bodyLimit = bodyLimit;
        this.relay = relay;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws IOException {
        Optional<OpenChannel> owner = OwnedSocket.owner(request, OpenChannel.class);
        if (owner.isEmpty()) {
            return false;
        }
        OpenChannel channel = owner.get();
        String path = request.getHttpURI().getPath();
        if (!"POST".equals(request.getMethod()) || !PATHS.contains(path)) {
            // A tool's knocking is not the agent's failure.
            refuse(
                    channel,
                    new Refused(
                            ErrorCode.FORBIDDEN,
                            "path",
                            "only POST /v1/messages and POST /v1/messages/count_tokens are allowed here"),
                    response,
                    callback);
            return true;
        }
        Optional<ServedTurn> turn = channel.serving();
        if (turn.isEmpty()) {
            refuse(
                    channel,
                    new Refused(
                            ErrorCode.FORBIDDEN,
                            "resting",
                            "models are called during a turn; send the session a message"),
                    response,
                    callback);
            return true;
        }
        Optional<RunningCall> running = channel.begin(turn.get());
        if (running.isEmpty()) {
            refuseCall(
                    channel,
                    turn.get(),
                    new Refused(
                            ErrorCode.RATE_LIMITED,
                            "concurrency",
                            "too many model calls at once in this session; wait for one to end",
                            Duration.ofSeconds(1)),
                    response,
                    callback);
            return true;
        }
        RunningCall call = running.get();
        try {
            serve(channel, call, path, request, response, callback);
        } finally {
            channel.end(call);
        }
        return true;
    }

    private void serve(
            OpenChannel channel, RunningCall call, String path, Request request, Response response, Callback callback)
            throws IOException {
        ServedTurn turn = call.turn();
        InputStream in = Content.Source.asInputStream(request);
        byte[] body = in.readNBytes((int) Math.min(bodyLimit + 1, Integer.MAX_VALUE - 8));
        if (body.length > bodyLimit) {
            discard(in, request.getLength());
            refuseCall(
                    channel,
                    turn,
                    new Refused(
                            ErrorCode.TOO_LARGE,
                            "size",
                            "the request is larger than " + bodyLimit + " bytes; shorten the conversation"),
                    response,
                    callback);
            return;
        }
        Duration wait = channel.requests().take();
        if (!wait.isZero()) {
            refuseCall(
                    channel,
                    turn,
                    new Refused(
                            ErrorCode.RATE_LIMITED,
                            "rate",
                            "too many model calls a minute in this session; try again in " + wait.toSeconds() + " s",
                            wait),
                    response,
                    callback);
            return;
        }
        String query = Optional.ofNullable(request.getHttpURI().getQuery()).orElse("");
        if (!QUERY.matcher(query).matches()) {
            refuseCall(
                    channel,
                    turn,
                    new Refused(ErrorCode.INVALID_REQUEST, "query", "the query is too long or not valid in a URL"),
                    response,
                    callback);
            return;
        }
        switch (ModelCheck.check(body, turn.terms().models())) {
            case ModelCheck.Result.Denied denied -> refuseCall(channel, turn, denied.why(), response, callback);
            case ModelCheck.Result.Allowed allowed -> {
                Map<String, String> headers = HeaderRules.towardsUpstream(
                        request.getHeaders(), turn.terms().credential());
                UpstreamRequest outgoing = new UpstreamRequest(path, query, headers, body);
                // The upstream may think for longer than a connection may be idle. A write that stalls still ends.
                request.addIdleTimeoutListener(timeout -> false);
                boolean metered = path.equals(MESSAGES);
                relay.run(channel, call, outgoing, allowed.model(), metered, response, callback);
            }
        }
    }

    private static void discard(InputStream in, long length) throws IOException {
        byte[] scrap = new byte[64 * 1024];
        long discarded = 0;
        // A length that is declared to be beyond the bound is not worth beginning with.
        boolean going = length <= MOST_DISCARDED;
        while (going && discarded < MOST_DISCARDED) {
            int count = in.read(scrap);
            going = count >= 0;
            discarded += Math.max(0, count);
        }
    }

    private void refuseCall(
            OpenChannel channel, ServedTurn turn, Refused refused, Response response, Callback callback) {
        turn.failed(refused.toException());
        refuse(channel, refused, response, callback);
    }

    private void refuse(OpenChannel channel, Refused refused, Response response, Callback callback) {
        report(channel, refused.guarantee(), refused.reason());
        if (!refused.retryAfter().isZero()) {
            response.getHeaders()
                    .put(
                            HttpHeader.RETRY_AFTER,
                            Long.toString(refused.retryAfter().toSeconds()));
        }
        answer(
                refused.code().status(),
                new MessagesError(refused.code().type(), refused.message()),
                response,
                callback);
    }

    private void report(OpenChannel channel, Guarantee guarantee, String reason) {
        metrics.brokerRefusal(reason);
        if (channel.reports().take().isZero()) {
            violations.observed(
                    channel.session().tenant(),
                    guarantee,
                    "a request that the broker refused: " + reason,
                    Map.of("session", channel.session().session().toString()));
        }
    }

    static void answer(int status, MessagesError error, Response response, Callback callback) {
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
        response.write(true, ByteBuffer.wrap(error.body()), callback);
    }

    /** Answers what the HTTP server itself ends: requests that are not valid, and calls that were cut. */
    boolean ended(Request request, Response response, Callback callback) {
        int status = response.getStatus() >= 400 ? response.getStatus() : 400;
        String message = "the call was ended by the server";
        Optional<OpenChannel> owner = OwnedSocket.owner(request, OpenChannel.class);
        if (status < 500 && owner.isPresent()) {
            report(owner.get(), Guarantee.CREDENTIAL_NEVER_INSIDE, "malformed");
            message = "the request is not acceptable HTTP";
        }
        answer(status, MessagesError.of(status, message), response, callback);
        return true;
    }
}
