package dev.cloister.core.turn;

import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.Principal;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;

/**
 * One validated user message.
 *
 * @param session the session to go on with; empty starts a new one
 * @param model the model asked for; empty means the session's own
 * @param system the system prompt of a new session, or a changed one; empty if none was sent
 * @param history earlier messages, used as context when the session is new
 * @param content the content blocks of the last user message: {@code text}, {@code image} and {@code document}
 */
public record TurnRequest(
        Principal principal,
        String requestId,
        Optional<SessionId> session,
        Optional<String> model,
        Optional<String> system,
        List<PastMessage> history,
        ArrayNode content) {

    /** An earlier message as plain text. */
    public record PastMessage(String role, String text) {}
}
