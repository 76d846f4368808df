package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.turn.Turn;
import dev.cloister.core.turn.TurnOutcome;
import dev.cloister.core.turn.TurnRequest;
import dev.cloister.core.turn.Turns;
import dev.cloister.server.net.Exchange;
import dev.cloister.server.wire.Bodies;
import dev.cloister.server.wire.EventStream;
import dev.cloister.server.wire.Replies;
import io.javalin.http.Context;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import tools.jackson.databind.node.ObjectNode;

/** {@code POST /v1/messages}: one turn, answered as a whole or as a stream. Thread-safe. */
final class MessagesApi {
    /** A proxy between gives up on an answer without a head long before a turn has its first event. */
    private static final Duration COMMIT_AFTER = Duration.ofSeconds(10);

    private final Authentication authentication;
    private final Bodies bodies;
    private final MessageParser parser;
    private final Turns turns;
    private final Duration heartbeat;
    private final BooleanSupplier stopping;

    MessagesApi(
            Authentication authentication,
            Bodies bodies,
            MessageParser parser,
            Turns turns,
            Duration heartbeat,
            BooleanSupplier stopping) {
        this.authentication = authentication;
        this.bodies = bodies;
        this.parser = parser;
        this.turns = turns;
        this.heartbeat = heartbeat;
        this.stopping = stopping;
    }

    void create(Context context) {
        Principal principal = authentication.principal(context);
        MessageRequest message = parser.parse(bodies.object(context.req(), ""));
        TurnRequest request = new TurnRequest(
                principal,
                Exchange.of(context.req()).requestId(),
                message.session(),
                message.model(),
                message.system(),
                message.history(),
                message.content());
        if (!message.ignored().isEmpty()) {
            context.res().setHeader("Cloister-Ignored", String.join(", ", message.ignored()));
        }
        run(context, request, message.stream()).ifPresent(answer -> Replies.json(context, 200, answer));
    }

    /**
     * Runs the turn to its end. When it returns the turn is closed, so that a client that has the answer can send its next
     * message at once.
     *
     * @return the answer, if it is not to be streamed
     */
    private Optional<ObjectNode> run(Context context, TurnRequest request, boolean streamed) {
        Patience patience = new Patience(Exchange.of(context.req()).connection(), stopping);
        try (Turn turn = turns.start(request, patience::check)) {
            context.res().setHeader("Cloister-Session", turn.session().toString());
            try {
                if (!streamed) {
                    return Optional.of(answer(turn, patience));
                }
                stream(context, turn, patience);
                return Optional.empty();
            } catch (CloisterException e) {
                cancel(turn, e);
                throw e;
            } catch (InterruptedException _) {
                turn.cancel("server stopping");
                throw Patience.interrupted();
            }
        }
    }

    private static void cancel(Turn turn, CloisterException cause) {
        if (turn.outcome().isEmpty()) {
            turn.cancel(
                    cause.code() == ErrorCode.CLIENT_GONE ? "client disconnected" : String.valueOf(cause.getMessage()));
        }
    }

    private static ObjectNode answer(Turn turn, Patience patience) throws InterruptedException {
        Optional<TurnOutcome> outcome = Optional.empty();
        while (outcome.isEmpty()) {
            patience.check();
            if (turn.poll(Patience.STEP).isEmpty()) {
                outcome = turn.outcome();
            }
        }
        return switch (outcome.get()) {
            case TurnOutcome.Completed completed -> completed.message();
            case TurnOutcome.Failed failed -> throw failed.error();
            case TurnOutcome.Cancelled cancelled -> throw cancelled(cancelled);
        };
    }

    private void stream(Context context, Turn turn, Patience patience) throws InterruptedException {
        EventStream stream = new EventStream(context, heartbeat);
        Optional<CloisterException> failure;
        try {
            failure = follow(turn, patience, stream);
        } catch (CloisterException e) {
            if (!stream.committed() || e.code() == ErrorCode.CLIENT_GONE) {
                throw e;
            }
            cancel(turn, e);
            failure = Optional.of(e);
        }
        if (failure.isPresent()) {
            if (!stream.committed()) {
                throw failure.get();
            }
            stream.error(failure.get());
        } else if (!stream.committed()) {
            stream.commit();
        }
    }

    /** Sends the turn's events to its end. Returns why the turn failed; empty if it completed. */
    private static Optional<CloisterException> follow(Turn turn, Patience patience, EventStream stream)
            throws InterruptedException {
        long begun = System.nanoTime();
        while (true) {
            patience.check();
            Optional<SessionEvent> event = turn.poll(Patience.STEP);
            if (event.isPresent()) {
                stream.event(event.get());
                continue;
            }
            Optional<TurnOutcome> outcome = turn.outcome();
            if (outcome.isPresent()) {
                return switch (outcome.get()) {
                    case TurnOutcome.Completed _ -> Optional.empty();
                    case TurnOutcome.Failed failed -> Optional.of(failed.error());
                    case TurnOutcome.Cancelled cancelled -> Optional.of(cancelled(cancelled));
                };
            }
            if (stream.committed()) {
                stream.beat();
            } else if (System.nanoTime() - begun >= COMMIT_AFTER.toNanos()) {
                stream.commit();
            }
        }
    }

    /** The status is not one that clients repeat a request for. */
    private static CloisterException cancelled(TurnOutcome.Cancelled cancelled) {
        return new CloisterException(
                ErrorCode.CLIENT_GONE,
                "the turn was cancelled: " + cancelled.reason() + "; the session can go on with a new message");
    }
}
