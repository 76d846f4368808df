package dev.cloister.server;

import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.turn.Turn;
import dev.cloister.core.turn.TurnOutcome;
import dev.cloister.core.turn.TurnRequest;
import dev.cloister.core.turn.Turns;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Turns whose events and outcome a test pushes; unless it holds them, they complete at once. */
final class FakeTurns implements Turns {
    static final SessionId SESSION = SessionId.parse("11111111-2222-3333-4444-555555555555");
    static final JsonMapper MAPPER = JsonMapper.builder().build();

    final BlockingQueue<FakeTurn> started = new LinkedBlockingQueue<>();
    volatile boolean hold;
    volatile @Nullable Supplier<Turn> refusal;

    @Override
    public Turn start(TurnRequest request, Runnable stillWanted) {
        Supplier<Turn> refused = refusal;
        if (refused != null) {
            return refused.get();
        }
        FakeTurn turn = new FakeTurn(request);
        if (!hold) {
            turn.event("message_start", "{\"type\":\"message_start\"}");
            turn.event("message_stop", "{\"type\":\"message_stop\"}");
            turn.complete();
        }
        started.add(turn);
        return turn;
    }

    @Override
    public boolean interrupt(TenantId tenant, SessionId session) {
        return hold;
    }

    /** The next turn that was started. */
    FakeTurn next() throws InterruptedException {
        FakeTurn turn = started.poll(20, TimeUnit.SECONDS);
        if (turn == null) {
            throw new AssertionError("no turn was started");
        }
        return turn;
    }

    static final class FakeTurn implements Turn {
        final TurnRequest request;
        final BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();
        private final BlockingQueue<SessionEvent> events = new LinkedBlockingQueue<>();
        private volatile @Nullable TurnOutcome outcome;
        volatile boolean closed;
        private long seq;

        FakeTurn(TurnRequest request) {
            this.request = request;
        }

        void event(String type, String data) {
            events.add(new SessionEvent(SESSION, ++seq, type, data, 0));
        }

        void complete() {
            ObjectNode message = MAPPER.createObjectNode().put("type", "message");
            outcome = new TurnOutcome.Completed(message.set("content", MAPPER.valueToTree(List.of())));
        }

        void end(TurnOutcome how) {
            outcome = how;
        }

        @Override
        public SessionId session() {
            return SESSION;
        }

        @Override
        public Optional<SessionEvent> poll(Duration timeout) throws InterruptedException {
            return Optional.ofNullable(events.poll(outcome == null ? timeout.toNanos() : 0, TimeUnit.NANOSECONDS));
        }

        @Override
        public Optional<TurnOutcome> outcome() {
            return events.isEmpty() ? Optional.ofNullable(outcome) : Optional.empty();
        }

        @Override
        public void cancel(String reason) {
            cancelled.add(reason);
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
