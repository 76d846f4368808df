package dev.cloister.server.api;

import dev.cloister.core.session.SessionId;
import dev.cloister.core.turn.TurnRequest.PastMessage;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;

/**
 * A checked body of {@code POST /v1/messages}.
 *
 * @param ignored fields that were sent and change nothing, in the order of the documentation
 */
record MessageRequest(
        Optional<SessionId> session,
        Optional<String> model,
        Optional<String> system,
        List<PastMessage> history,
        ArrayNode content,
        boolean stream,
        List<String> ignored) {}
