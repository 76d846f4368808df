package dev.cloister.core.session;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * One turn at a time for each session: two would both succeed and one of them would silently be lost from the
 * conversation. A turn that has its result but whose processes still end is waited for; one that still works is not.
 * Thread-safe.
 */
public final class SessionLocks {
    private static final Duration FINISHING = Duration.ofSeconds(15);

    private enum State {
        WORKING,
        FINISHING
    }

    private final Map<SessionId, State> held = new HashMap<>();

    /** A session's lock. Closing gives it back; idempotent. */
    public final class Held implements AutoCloseable {
        private final SessionId session;
        private boolean released;

        private Held(SessionId session) {
            this.session = session;
        }

        /** From now on another turn waits instead of being refused. */
        public void finishing() {
            synchronized (SessionLocks.this) {
                if (!released) {
                    held.put(session, State.FINISHING);
                }
            }
        }

        @Override
        public void close() {
            synchronized (SessionLocks.this) {
                if (!released) {
                    released = true;
                    held.remove(session);
                    SessionLocks.this.notifyAll();
                }
            }
        }
    }

    /** @throws CloisterException CONFLICT while another turn works */
    public synchronized Held acquire(SessionId session) {
        long deadline = System.nanoTime() + FINISHING.toNanos();
        while (held.containsKey(session)) {
            long left = deadline - System.nanoTime();
            if (held.get(session) == State.WORKING || left <= 0) {
                throw new CloisterException(
                        ErrorCode.CONFLICT,
                        "another turn of session " + session
                                + " is running; wait for its end, interrupt it, or use another session");
            }
            try {
                wait(Math.max(1, left / 1_000_000));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CloisterException(ErrorCode.CLIENT_GONE, "interrupted while waiting for the session", e);
            }
        }
        held.put(session, State.WORKING);
        return new Held(session);
    }
}
