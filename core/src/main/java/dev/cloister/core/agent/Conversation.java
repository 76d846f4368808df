package dev.cloister.core.agent;

import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionId;
import java.util.List;

/** How a turn relates to what the agent has on disk. */
public sealed interface Conversation {
    SessionId id();

    /** How the agent is to begin, by what it has of the session. */
    static Conversation of(Session session) {
        return session.started() ? new Resumed(session.id()) : new Fresh(session.id());
    }

    /** The agent's arguments for it. */
    List<String> arguments();

    /** The first turn of a session. */
    record Fresh(SessionId id) implements Conversation {
        @Override
        public List<String> arguments() {
            return List.of("--session-id", id.toString());
        }
    }

    /** A later turn. */
    record Resumed(SessionId id) implements Conversation {
        @Override
        public List<String> arguments() {
            return List.of("--resume", id.toString());
        }
    }
}
