package dev.cloister.core.session;

import dev.cloister.core.tenant.Principal;

/** The agents that are kept for sessions between their turns, or started ahead of their first. Thread-safe. */
public interface SessionAgents {
    /** An id for a new session: of one that an agent was started for ahead of it, if there is such a one. */
    SessionId newId(Principal principal, String model, String system);

    /** A session came into being, and its first turn may come soon. Returns at once. */
    void opened(Principal principal, Session session);

    /** Ends the agent that waits for a turn of the session, and returns when it is gone. */
    void forget(SessionId session);
}
