package dev.cloister.core.turn;

import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import java.time.Duration;
import java.util.Optional;

/** A running turn. One thread polls; any thread may cancel. Closing cancels what still runs and waits until it is gone. */
public interface Turn extends AutoCloseable {
    SessionId session();

    /**
     * The next event, or empty if none came in time or the turn is over. Never blocks longer than {@code timeout}.
     *
     * @throws InterruptedException if the caller was interrupted
     */
    Optional<SessionEvent> poll(Duration timeout) throws InterruptedException;

    /** Present when the turn is over and every event was polled. */
    Optional<TurnOutcome> outcome();

    /** Interrupts the agent, then kills what is left. Returns at once; the outcome follows. */
    void cancel(String reason);

    @Override
    void close();
}
