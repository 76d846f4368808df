package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.exec.Exec;
import dev.cloister.core.exec.ExecEvent;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.core.exec.ExecResult;
import dev.cloister.core.exec.Execs;
import dev.cloister.core.tenant.Principal;
import dev.cloister.server.net.Exchange;
import dev.cloister.server.wire.Bodies;
import dev.cloister.server.wire.EventStream;
import dev.cloister.server.wire.Replies;
import dev.cloister.server.wire.Utf8Pieces;
import dev.cloister.spi.ExitStatus;
import io.javalin.http.Context;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code POST /v1/exec}: one command, answered as a whole or as a stream. Thread-safe. */
final class ExecApi {
    private final Authentication authentication;
    private final Bodies bodies;
    private final JsonMapper mapper;
    private final ExecParser parser;
    private final Execs execs;
    private final long maxOutput;
    private final Duration heartbeat;
    private final BooleanSupplier stopping;

    /** @param maxOutput bytes of each output stream that an answer as a whole holds */
    ExecApi(
            Authentication authentication,
            Bodies bodies,
            JsonMapper mapper,
            ExecParser parser,
            Execs execs,
            long maxOutput,
            Duration heartbeat,
            BooleanSupplier stopping) {
        this.authentication = authentication;
        this.bodies = bodies;
        this.mapper = mapper;
        this.parser = parser;
        this.execs = execs;
        this.maxOutput = maxOutput;
        this.heartbeat = heartbeat;
        this.stopping = stopping;
    }

    void run(Context context) {
        Principal principal = authentication.principal(context);
        ObjectNode body = bodies.object(context.req(), "stdin");
        boolean streamed = Fields.flag(body, "stream");
        String requestId = Exchange.of(context.req()).requestId();
        ExecRequest request = parser.parse(body, principal.tenant(), requestId);
        run(context, request, streamed).ifPresent(answer -> Replies.json(context, 200, answer));
    }

    /** Runs the command to its end. @return the answer, if it is not to be streamed */
    private Optional<ObjectNode> run(Context context, ExecRequest request, boolean streamed) {
        try (Exec exec = execs.start(request)) {
            Patience patience = new Patience(Exchange.of(context.req()).connection(), stopping);
            try {
                if (!streamed) {
                    return Optional.of(answer(exec, patience));
                }
                stream(context, exec, patience);
                return Optional.empty();
            } catch (CloisterException e) {
                exec.cancel();
                throw e;
            } catch (InterruptedException _) {
                exec.cancel();
                throw Patience.interrupted();
            }
        }
    }

    private ObjectNode answer(Exec exec, Patience patience) throws InterruptedException {
        PerStream<CollectedOutput> outputs =
                new PerStream<>(new CollectedOutput(maxOutput), new CollectedOutput(maxOutput));
        Optional<ExecResult> result = Optional.empty();
        while (result.isEmpty()) {
            patience.check();
            Optional<ExecEvent> event = exec.poll(Patience.STEP);
            if (event.isPresent()) {
                outputs.of(event.get().stream()).add(event.get().bytes());
            } else {
                result = exec.result();
            }
        }
        ObjectNode body = json(result.get());
        for (ExecEvent.Stream stream : ExecEvent.Stream.values()) {
            CollectedOutput output = outputs.of(stream);
            body.put(name(stream), output.text());
            body.put(name(stream) + "_truncated", output.truncated());
        }
        return body;
    }

    private void stream(Context context, Exec exec, Patience patience) throws InterruptedException {
        EventStream events = new EventStream(context, heartbeat);
        events.event("started", mapper.createObjectNode().put("type", "started"));
        try {
            follow(exec, patience, events);
        } catch (CloisterException e) {
            if (e.code() == ErrorCode.CLIENT_GONE) {
                throw e;
            }
            exec.cancel();
            events.error(e);
        }
    }

    private void follow(Exec exec, Patience patience, EventStream events) throws InterruptedException {
        PerStream<Utf8Pieces> texts = new PerStream<>(new Utf8Pieces(), new Utf8Pieces());
        Optional<ExecResult> result = Optional.empty();
        while (result.isEmpty()) {
            patience.check();
            Optional<ExecEvent> event = exec.poll(Patience.STEP);
            if (event.isPresent()) {
                ExecEvent.Stream stream = event.get().stream();
                output(events, stream, texts.of(stream).next(event.get().bytes()));
            } else {
                result = exec.result();
                events.beat();
            }
        }
        for (ExecEvent.Stream stream : ExecEvent.Stream.values()) {
            output(events, stream, texts.of(stream).end());
        }
        // Its place is free before the client knows that it ended.
        exec.close();
        events.event("result", json(result.get()).put("type", "result"));
    }

    private void output(EventStream events, ExecEvent.Stream stream, String text) {
        if (!text.isEmpty()) {
            events.event(
                    name(stream),
                    mapper.createObjectNode().put("type", name(stream)).put("text", text));
        }
    }

    private static String name(ExecEvent.Stream stream) {
        return stream.name().toLowerCase(Locale.ROOT);
    }

    private ObjectNode json(ExecResult result) {
        ObjectNode node = mapper.createObjectNode();
        switch (result.status()) {
            case ExitStatus.Exited exited ->
                node.put("status", "exited").put("exit_code", exited.code()).putNull("signal");
            case ExitStatus.Signalled signalled ->
                node.put("status", "signalled").putNull("exit_code").put("signal", signalled.signal());
            case ExitStatus.TimedOut _ ->
                node.put("status", "timed_out").putNull("exit_code").putNull("signal");
            case ExitStatus.OutOfMemory _ ->
                node.put("status", "out_of_memory").putNull("exit_code").putNull("signal");
            case ExitStatus.Cancelled _ ->
                node.put("status", "cancelled").putNull("exit_code").putNull("signal");
        }
        return node.put("duration_ms", result.duration().toMillis());
    }
}
