package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.turn.TurnRequest.PastMessage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Checks the body of {@code POST /v1/messages}. Pure.
 *
 * @see <a href="https://docs.anthropic.com/en/api/messages">Messages API: create a message</a>
 */
final class MessageParser {
    /** Accepted so that clients work unchanged, but the agent decides these itself. */
    private static final List<String> IGNORED = List.of(
            "temperature",
            "top_p",
            "top_k",
            "stop_sequences",
            "thinking",
            "service_tier",
            "max_tokens",
            "context_management",
            "output_config");

    private static final Set<String> OF_THE_AGENT = Set.of("tools", "tool_choice", "mcp_servers", "container");
    private static final Set<String> KNOWN = Set.of("model", "messages", "system", "stream", "metadata", "session_id");
    private static final int MAX_MESSAGES = 1000;
    private static final int MAX_MODEL = 256;

    private final MessageContent contents;
    private final long maxPrompt;

    /** @param maxPrompt bytes of text that the last message may have, and the system prompt */
    MessageParser(JsonMapper mapper, long maxPrompt) {
        this.contents = new MessageContent(mapper);
        this.maxPrompt = maxPrompt;
    }

    /** @throws CloisterException INVALID_REQUEST or TOO_LARGE that names the field */
    MessageRequest parse(ObjectNode body) {
        requireFields(body);
        Optional<SessionId> session = Fields.text(body, "session_id", 100).map(SessionId::parse);
        Optional<String> model = Fields.text(body, "model", MAX_MODEL);
        if (model.isEmpty() && session.isEmpty()) {
            throw CloisterException.invalid(
                    "model is missing; name the model, or the session_id of a session that has one");
        }
        if (model.filter(String::isBlank).isPresent()) {
            throw CloisterException.invalid("model must not be empty");
        }
        Fields.number(body, "max_tokens", 1, Integer.MAX_VALUE);
        requireMetadata(Fields.value(body, "metadata"));
        boolean stream = Fields.flag(body, "stream");
        Optional<String> system = system(Fields.value(body, "system"));
        JsonNode messages = messages(Fields.value(body, "messages"));
        List<PastMessage> history = new ArrayList<>();
        ArrayNode last = null;
        for (int i = 0; i < messages.size(); i++) {
            ObjectNode message = message(i, messages.get(i));
            String where = "messages[" + i + "].content";
            JsonNode content = message.get("content");
            if (content == null || content.isNull()) {
                throw CloisterException.invalid(where + " is missing");
            }
            if (i == messages.size() - 1) {
                last = contents.userBlocks(where, content);
            } else {
                history.add(past(role(i, message), where, content));
            }
        }
        if (last == null) {
            throw new IllegalStateException("messages was checked not to be empty");
        }
        requirePromptSize("the last message", MessageContent.described(last));
        List<String> ignored = IGNORED.stream()
                .filter(name -> Fields.value(body, name) != null)
                .toList();
        return new MessageRequest(session, model, system, history, last, stream, ignored);
    }

    private PastMessage past(String role, String where, JsonNode content) {
        return new PastMessage(
                role,
                role.equals("user")
                        ? MessageContent.described(contents.userBlocks(where, content))
                        : contents.plainText(where, content));
    }

    private static void requireFields(ObjectNode body) {
        for (String name : OF_THE_AGENT) {
            JsonNode value = Fields.value(body, name);
            if (value != null && !(value.isArray() && value.isEmpty())) {
                throw CloisterException.invalid(name + " cannot be set: the tools here are the agent's own, and the"
                        + " operator's policy decides which of them it may use; leave the field out");
            }
        }
        ObjectNode rest = body.deepCopy();
        rest.remove(IGNORED);
        rest.remove(OF_THE_AGENT);
        Fields.onlyKnown(rest, "", KNOWN);
    }

    private static void requireMetadata(@Nullable JsonNode metadata) {
        if (metadata == null) {
            return;
        }
        if (!(metadata instanceof ObjectNode object)) {
            throw CloisterException.invalid("metadata must be an object");
        }
        Fields.onlyKnown(object, "metadata.", Set.of("user_id"));
        Fields.text(object, "user_id", 1000);
    }

    private Optional<String> system(@Nullable JsonNode system) {
        if (system == null || (system.isArray() && system.isEmpty())) {
            return Optional.empty();
        }
        String text = contents.plainText("system", system);
        requirePromptSize("system", text);
        return text.isBlank() ? Optional.empty() : Optional.of(text);
    }

    private static JsonNode messages(@Nullable JsonNode messages) {
        if (messages == null || !messages.isArray() || messages.isEmpty() || messages.size() > MAX_MESSAGES) {
            throw CloisterException.invalid("messages must be a list of 1 to " + MAX_MESSAGES + " messages");
        }
        requireUser("first", role(0, message(0, messages.get(0))));
        int last = messages.size() - 1;
        requireUser("last", role(last, message(last, messages.get(last))));
        return messages;
    }

    private static void requireUser(String which, String role) {
        if (!role.equals("user")) {
            throw CloisterException.invalid("the " + which + " message must have the role user");
        }
    }

    private static ObjectNode message(int index, JsonNode node) {
        if (node instanceof ObjectNode message) {
            Fields.onlyKnown(message, "messages[" + index + "].", Set.of("role", "content"));
            return message;
        }
        throw CloisterException.invalid("messages[" + index + "] must be an object with role and content");
    }

    private static String role(int index, ObjectNode message) {
        JsonNode role = message.get("role");
        if (role == null || !role.isString() || !Set.of("user", "assistant").contains(role.stringValue())) {
            throw CloisterException.invalid("messages[" + index + "].role must be user or assistant");
        }
        return role.stringValue();
    }

    private void requirePromptSize(String what, String text) {
        if (text.length() > maxPrompt || text.getBytes(StandardCharsets.UTF_8).length > maxPrompt) {
            throw new CloisterException(
                    ErrorCode.TOO_LARGE,
                    what + " has more than " + maxPrompt
                            + " bytes of text; put long text into a file of the workspace");
        }
    }
}
