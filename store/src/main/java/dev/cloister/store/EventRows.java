package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.PreparedBatch;

/** The table {@code events}. */
final class EventRows {
    private EventRows() {}

    static void append(Handle handle, List<SessionEvent> events, int keepPerSession) {
        Set<SessionId> sessions = events.stream()
                .map(SessionEvent::session)
                .distinct()
                .filter(session -> SessionRows.exists(handle, session))
                .collect(Collectors.toSet());
        List<SessionEvent> wanted = events.stream()
                .filter(event -> sessions.contains(event.session()))
                .toList();
        if (wanted.isEmpty()) {
            return;
        }
        insert(handle, wanted);
        sessions.forEach(session -> prune(handle, session, keepPerSession));
    }

    static List<SessionEvent> page(Handle handle, SessionId session, long after, int limit) {
        return handle.createQuery("""
                        SELECT seq, type, data, at FROM events WHERE session = :session AND seq > :after
                        ORDER BY seq LIMIT :limit
                        """)
                .bind("session", session.toString())
                .bind("after", after)
                .bind("limit", limit)
                .map((row, context) -> new SessionEvent(
                        session, row.getLong("seq"), row.getString("type"), row.getString("data"), row.getLong("at")))
                .list();
    }

    static long last(Handle handle, SessionId session) {
        return handle.createQuery("SELECT coalesce(max(seq), 0) FROM events WHERE session = :session")
                .bind("session", session.toString())
                .mapTo(Long.class)
                .one();
    }

    private static void insert(Handle handle, List<SessionEvent> events) {
        try (PreparedBatch batch = handle.prepareBatch("""
                INSERT INTO events (session, seq, type, data, at) VALUES (:session, :seq, :type, :data, :at)
                ON CONFLICT DO NOTHING
                """)) {
            for (SessionEvent event : events) {
                batch.bind("session", event.session().toString())
                        .bind("seq", event.seq())
                        .bind("type", event.type())
                        .bind("data", event.data())
                        .bind("at", event.at())
                        .add();
            }
            if (Arrays.stream(batch.execute()).sum() != events.size()) {
                throw new CloisterException(
                        ErrorCode.CONFLICT,
                        "the session has an event of this number already; read its last number again");
            }
        }
    }

    /** By number and not by counting: numbers have no gaps, and counting would read every event that is kept. */
    private static void prune(Handle handle, SessionId session, int keep) {
        handle.createUpdate("""
                        DELETE FROM events WHERE session = :session
                        AND seq <= (SELECT max(seq) FROM events WHERE session = :session) - :keep
                        """)
                .bind("session", session.toString())
                .bind("keep", keep)
                .execute();
    }
}
