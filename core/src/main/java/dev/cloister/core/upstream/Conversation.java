package dev.cloister.core.upstream;

import dev.cloister.core.error.CloisterException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A request's messages as the scripted upstream sees them: the user's last prompt and what happened since.
 *
 * @param prompt the text of the last user message that a person wrote, without what the agent's program adds to it
 * @param turnsSince assistant messages after the prompt
 * @param outcomes of the tool uses after the prompt, in order
 */
record Conversation(String prompt, int turnsSince, List<ToolOutcome> outcomes) {
    /** The agent's program adds reminders; the server adds a new session's earlier messages. No person wrote them. */
    private static final List<String> ADDED = List.of("system-reminder", "conversation_history");

    private static final String INTERRUPTED = "[Request interrupted by user";

    Conversation {
        outcomes = List.copyOf(outcomes);
    }

    record ToolOutcome(String tool, boolean isError, String content) {}

    /** @throws CloisterException INVALID_REQUEST if {@code messages} is not an array of messages */
    static Conversation of(JsonNode messages) {
        if (!messages.isArray() || messages.isEmpty()) {
            throw CloisterException.invalid("\"messages\" must be a non-empty array");
        }
        int start = -1;
        String prompt = "";
        for (int i = messages.size() - 1; i >= 0 && start < 0; i--) {
            String text = prompt(messages.get(i));
            if (text != null) {
                start = i;
                prompt = text;
            }
        }
        List<JsonNode> since = new ArrayList<>();
        for (int i = start + 1; i < messages.size(); i++) {
            since.add(messages.get(i));
        }
        int turns = (int)
                since.stream().filter(message -> hasRole(message, "assistant")).count();
        return new Conversation(prompt, turns, outcomes(since));
    }

    private static boolean hasRole(JsonNode message, String role) {
        return role.equals(message.path("role").asString(""));
    }

    /** What a person wrote in this message, or null if no person did. */
    private static @Nullable String prompt(JsonNode message) {
        if (!hasRole(message, "user")) {
            return null;
        }
        JsonNode content = message.path("content");
        if (content.isString()) {
            return ifWritten(without(content.stringValue()));
        }
        boolean answersTool = false;
        boolean interrupted = false;
        int answered = 0;
        List<String> texts = new ArrayList<>();
        for (JsonNode block : content) {
            String type = block.path("type").asString("");
            answersTool |= type.equals("tool_result");
            String text = type.equals("text") ? without(block.path("text").asString("")) : "";
            if (text.startsWith(INTERRUPTED)) {
                interrupted = true;
                answered = texts.size();
            } else if (!text.isBlank()) {
                texts.add(text);
            }
        }
        // An interrupted prompt has no answer between itself and the next one, so the program sends both as one
        // message.
        List<String> last = answered < texts.size() ? texts.subList(answered, texts.size()) : texts;
        String joined = String.join("\n", last);
        // Text beside a tool's result is the program's own remark, unless the user broke in and wrote something new.
        boolean remark = answersTool && !interrupted && !Script.isIn(joined);
        return remark ? null : ifWritten(joined);
    }

    private static @Nullable String ifWritten(String text) {
        return text.isBlank() ? null : text;
    }

    /** Linear in the text's length whatever it holds; an element that is not closed is ordinary text. */
    static String without(String text) {
        String result = text;
        for (String element : ADDED) {
            String open = "<" + element + ">";
            String close = "</" + element + ">";
            StringBuilder kept = new StringBuilder();
            int from = 0;
            int begin = result.indexOf(open);
            while (begin >= 0) {
                int end = result.indexOf(close, begin);
                if (end < 0) {
                    break;
                }
                kept.append(result, from, begin);
                from = end + close.length();
                begin = result.indexOf(open, from);
            }
            result = kept.append(result, from, result.length()).toString();
        }
        return result.strip();
    }

    private static List<ToolOutcome> outcomes(List<JsonNode> messages) {
        Map<String, JsonNode> results = new HashMap<>();
        List<JsonNode> uses = new ArrayList<>();
        for (JsonNode message : messages) {
            for (JsonNode block : message.path("content")) {
                String type = block.path("type").asString("");
                if (type.equals("tool_use") && hasRole(message, "assistant")) {
                    uses.add(block);
                } else if (type.equals("tool_result") && hasRole(message, "user")) {
                    results.put(block.path("tool_use_id").asString(""), block);
                }
            }
        }
        return uses.stream()
                .map(use -> outcome(
                        use.path("name").asString(""),
                        results.get(use.path("id").asString(""))))
                .toList();
    }

    private static ToolOutcome outcome(String tool, @Nullable JsonNode result) {
        if (result == null) {
            return new ToolOutcome(tool, true, "no result");
        }
        return new ToolOutcome(tool, result.path("is_error").asBoolean(false), flat(result.path("content")));
    }

    private static String flat(JsonNode content) {
        if (!content.isArray()) {
            return content.asString("");
        }
        List<String> parts = new ArrayList<>();
        for (JsonNode block : content) {
            String type = block.path("type").asString("");
            parts.add(type.equals("text") ? block.path("text").asString("") : "[" + type + "]");
        }
        return String.join("\n", parts);
    }
}
