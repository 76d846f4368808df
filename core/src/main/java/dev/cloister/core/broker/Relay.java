package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.upstream.MessagesError;
import dev.cloister.core.upstream.UpstreamRequest;
import dev.cloister.core.upstream.UpstreamResponse;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries an allowed call to the upstream and its answer back, piece by piece, and meters it. Thread-safe. */
final class Relay {
    private static final Logger LOG = LoggerFactory.getLogger(Relay.class);
    private static final int LARGEST_ERROR = 64 * 1024;
    private static final String WITHHELD =
            "the upstream answered with an error whose text cannot be passed on; ask the operator";

    private enum Ending {
        COMPLETE,
        CUT,
        UPSTREAM_BROKE_OFF,
        CLIENT_GONE,
        SECRET_FOUND
    }

    private final Metrics metrics;
    private final Violations violations;
    private final UsageSink sink;
    private final PriceList prices;
    private final Clock clock;

    Relay(Metrics metrics, Violations violations, UsageSink sink, PriceList prices, Clock clock) {
        this.metrics = metrics;
        this.violations = violations;
        this.sink = sink;
        this.prices = prices;
        this.clock = clock;
    }

    /** @param metered whether the call uses tokens; counting them does not */
    void run(
            OpenChannel channel,
            RunningCall call,
            UpstreamRequest request,
            String model,
            boolean metered,
            Response response,
            Callback callback) {
        long started = clock.millis();
        int status = ErrorCode.UPSTREAM_UNREACHABLE.status();
        try {
            UpstreamResponse answer = call.send(request);
            if (answer.status() >= 200 && answer.status() < 300) {
                status = answer.status();
                stream(channel, call, answer, metered ? model : "", response, callback);
            } else if (answer.status() >= 400) {
                status = answer.status();
                passError(channel, call, answer, response, callback);
            } else {
                unreachable(
                        call.turn(),
                        "the upstream answered with status " + answer.status()
                                + ", which is no answer of a Messages API; check the upstream's URL",
                        response,
                        callback);
            }
        } catch (InterruptedException e) {
            callback.failed(new IOException("the session's channel was closed", e));
        } catch (IOException e) {
            if (call.isCut()) {
                callback.failed(e);
            } else {
                // The exception's text stays in the log: it may name hosts that are no business of the tenant.
                LOG.warn(
                        "the upstream {} could not be used: {}",
                        call.turn().terms().upstream().description(),
                        e.toString());
                unreachable(
                        call.turn(),
                        "the upstream could not be reached or did not answer in time; try again later",
                        response,
                        callback);
            }
        } finally {
            metrics.brokerRequest(status, Duration.ofMillis(Math.max(0, clock.millis() - started)));
        }
    }

    private static void unreachable(ServedTurn turn, String message, Response response, Callback callback) {
        ErrorCode code = ErrorCode.UPSTREAM_UNREACHABLE;
        turn.failed(new CloisterException(code, message));
        SessionHandler.answer(code.status(), new MessagesError(code.type(), message), response, callback);
    }

    private void passError(
            OpenChannel channel, RunningCall call, UpstreamResponse answer, Response response, Callback callback)
            throws IOException {
        SecretGuard guard = call.turn().guard();
        byte[] body = answer.body().readNBytes(LARGEST_ERROR + 1);
        if (call.isCut()) {
            throw new IOException("the session's channel was closed");
        }
        String retryAfter = answer.headers().getOrDefault("retry-after", "");
        call.turn().failed(UpstreamFailures.of(answer.status(), body, retryAfter, guard));
        Map<String, String> headers = HeaderRules.intoSandbox(answer.headers(), guard);
        headers.forEach((name, value) -> response.getHeaders().put(name, value));
        boolean leaks = UpstreamFailures.holdsSecret(body, guard);
        if (leaks) {
            report(channel);
        }
        if (leaks || body.length > LARGEST_ERROR) {
            SessionHandler.answer(answer.status(), MessagesError.of(answer.status(), WITHHELD), response, callback);
        } else {
            response.setStatus(answer.status());
            response.write(true, ByteBuffer.wrap(body), callback);
        }
    }

    private void stream(
            OpenChannel channel,
            RunningCall call,
            UpstreamResponse answer,
            String meteredModel,
            Response response,
            Callback callback) {
        UsageMeter meter = UsageMeter.forContentType(answer.headers().getOrDefault("content-type", ""));
        ServedTurn turn = call.turn();
        SecretGuard.Stream watch = turn.guard().stream();
        response.setStatus(answer.status());
        HeaderRules.intoSandbox(answer.headers(), turn.guard())
                .forEach((name, value) -> response.getHeaders().put(name, value));
        Ending ending = Ending.CUT;
        try {
            ending = pump(call, answer, meter, watch, response);
        } finally {
            // Before the answer's last byte, so that whoever has seen the end finds the figures.
            if (!meteredModel.isEmpty()) {
                record(channel.session(), turn, meteredModel, meter.usage());
            }
        }
        switch (ending) {
            case COMPLETE -> {
                meter.error()
                        .ifPresentOrElse(
                                error -> turn.failed(UpstreamFailures.of(error, turn.guard())), turn::succeeded);
                response.write(true, ByteBuffer.wrap(watch.end()), callback);
            }
            case UPSTREAM_BROKE_OFF -> {
                turn.failed(new CloisterException(
                        ErrorCode.UPSTREAM_UNREACHABLE, "the upstream's answer broke off in the middle; try again"));
                callback.failed(new IOException("the upstream's answer broke off"));
            }
            case SECRET_FOUND -> {
                report(channel);
                turn.failed(new CloisterException(ErrorCode.UPSTREAM_ERROR, WITHHELD));
                callback.failed(new IOException("the upstream's answer was withheld"));
            }
            case CUT, CLIENT_GONE -> callback.failed(new IOException("the call was ended from inside"));
        }
    }

    private static Ending pump(
            RunningCall call, UpstreamResponse answer, UsageMeter meter, SecretGuard.Stream watch, Response response) {
        byte[] piece = new byte[16 * 1024];
        boolean going = send(response, new byte[0]);
        while (going) {
            int count;
            try {
                count = answer.body().read(piece);
            } catch (IOException e) {
                LOG.debug("reading the upstream's answer failed", e);
                return call.isCut() ? Ending.CUT : Ending.UPSTREAM_BROKE_OFF;
            }
            if (count < 0) {
                return call.isCut() ? Ending.CUT : Ending.COMPLETE;
            }
            byte[] passed = watch.pass(piece, count);
            if (watch.found()) {
                return Ending.SECRET_FOUND;
            }
            going = passed.length == 0 || send(response, passed);
            meter.accept(piece, 0, count);
        }
        return Ending.CLIENT_GONE;
    }

    /** Flushes at once, the headers too. False if nobody is there to read. */
    private static boolean send(Response response, byte[] bytes) {
        try {
            Content.Sink.write(response, false, ByteBuffer.wrap(bytes));
            return true;
        } catch (IOException e) {
            LOG.debug("the sandbox's end of the connection is gone", e);
            return false;
        }
    }

    private void report(OpenChannel channel) {
        if (channel.reports().take().isZero()) {
            violations.observed(
                    channel.session().tenant(),
                    Guarantee.CREDENTIAL_NEVER_INSIDE,
                    "the upstream's answer held the credential and was withheld",
                    Map.of("session", channel.session().session().toString()));
        }
    }

    private void record(BrokerSession session, ServedTurn turn, String model, TokenUsage usage) {
        UsageRecord record = new UsageRecord(
                session.tenant(),
                session.session(),
                model,
                usage.input(),
                usage.output(),
                usage.cacheWrite(),
                usage.cacheRead(),
                prices.costMicros(model, usage),
                clock.millis());
        turn.add(record);
        metrics.tokens("input", usage.input());
        metrics.tokens("output", usage.output());
        metrics.tokens("cache_write", usage.cacheWrite());
        metrics.tokens("cache_read", usage.cacheRead());
        try {
            sink.used(record);
        } catch (RuntimeException e) {
            // The answer is paid for and the tenant is to have it; the operator has to see the gap.
            LOG.error(
                    "usage of session {} was not recorded: {} micro-dollars", record.session(), record.costMicros(), e);
        }
    }
}
