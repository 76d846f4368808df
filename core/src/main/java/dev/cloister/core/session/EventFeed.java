package dev.cloister.core.session;

import java.time.Duration;
import java.util.Optional;

/** A session's events from some point on: first those stored, then each new one, none twice and none missed. One thread polls. */
public interface EventFeed extends AutoCloseable {
    /**
     * The next event in order of {@code seq}, or empty if none came in time. A stored event is returned whatever the
     * timeout, so that empty after {@link Duration#ZERO} means that all there is was returned. Never blocks longer than
     * {@code timeout}.
     *
     * @throws dev.cloister.core.error.CloisterException NOT_FOUND when the session was deleted meanwhile
     */
    Optional<SessionEvent> poll(Duration timeout) throws InterruptedException;

    @Override
    void close();
}
