package dev.cloister.core.session;

import dev.cloister.core.tenant.TenantId;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Where sessions and their events are kept: a part of the store, for which all holds that the store promises. */
public interface SessionStore {
    /** CONFLICT if any tenant has a session of this id. */
    void insertSession(Session session);

    Optional<Session> session(TenantId tenant, SessionId id);

    /**
     * The newest by {@code createdAt} first. {@code after} continues behind that session of an earlier page; NOT_FOUND if
     * the tenant has no such session.
     */
    List<Session> sessions(TenantId tenant, Optional<SessionId> after, int limit);

    /** Applies a change to a session in one transaction; empty if there is no such session. Id and tenant stay. */
    Optional<Session> updateSession(TenantId tenant, SessionId id, UnaryOperator<Session> change);

    /** Deletes a session with its events. */
    boolean deleteSession(TenantId tenant, SessionId id);

    /**
     * Appends events and drops those of the sessions concerned that are {@code keepPerSession} or more numbers behind the
     * session's last. Events of a session that was deleted meanwhile are dropped too; CONFLICT, and nothing is appended, if a session has an event of that number.
     */
    void appendEvents(List<SessionEvent> events, int keepPerSession);

    /** Events of a session with {@code seq} greater than {@code after}, in order. */
    List<SessionEvent> events(SessionId session, long after, int limit);

    /** The greatest {@code seq} that a session has; 0 if it has none. */
    long lastEvent(SessionId session);
}
