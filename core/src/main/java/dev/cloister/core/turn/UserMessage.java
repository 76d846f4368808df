package dev.cloister.core.turn;

import dev.cloister.core.session.Session;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/** What of a request the agent is told. Pure. */
final class UserMessage {
    private UserMessage() {}

    /** The last message's blocks; before them, for a session without a past, the messages that came earlier. */
    static ArrayNode content(TurnRequest request, Session session) {
        ArrayNode content = JsonNodeFactory.instance.arrayNode();
        if (!session.started() && !request.history().isEmpty()) {
            content.addObject().put("type", "text").put("text", history(request));
        }
        content.addAll(request.content());
        return content;
    }

    private static String history(TurnRequest request) {
        StringBuilder text =
                new StringBuilder("<conversation_history>\nThis is what was said before. Go on from here.\n\n");
        for (TurnRequest.PastMessage message : request.history()) {
            // The text must not be able to end the history and pass for something else.
            String safe = message.text().replace("</conversation_history", "<\\/conversation_history");
            text.append(message.role()).append(": ").append(safe).append("\n\n");
        }
        return text.append("</conversation_history>").toString();
    }
}
