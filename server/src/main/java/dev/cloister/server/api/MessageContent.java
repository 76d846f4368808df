package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import java.util.Base64;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The content of one message of a request. Pure. */
final class MessageContent {
    private static final Set<String> IMAGES = Set.of("image/jpeg", "image/png", "image/gif", "image/webp");
    private static final Set<String> THOUGHTS = Set.of("thinking", "redacted_thinking");

    /** What the agent would trim away, which is more than {@link String#isBlank} knows: no-break spaces and the BOM too. */
    private static final Pattern BLANK = Pattern.compile("[\\s\\p{Z}\\x{FEFF}]*");

    private final JsonMapper mapper;

    MessageContent(JsonMapper mapper) {
        this.mapper = mapper;
    }

    /** A user's content as checked blocks; hints for the upstream's cache are left out, the agent sets its own. */
    ArrayNode userBlocks(String where, JsonNode content) {
        ArrayNode blocks = mapper.createArrayNode();
        if (content.isString()) {
            blocks.addObject().put("type", "text").put("text", filled(where, content));
            return blocks;
        }
        for (int i = 0; i < array(where, content).size(); i++) {
            blocks.add(userBlock(where + "[" + i + "]", object(where + "[" + i + "]", content.get(i))));
        }
        return blocks;
    }

    /** Text of a content in which nothing but text counts: an assistant's, or a system prompt. */
    String plainText(String where, JsonNode content) {
        if (content.isString()) {
            return content.stringValue();
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < array(where, content).size(); i++) {
            ObjectNode block = object(where + "[" + i + "]", content.get(i));
            String type = type(where + "[" + i + "]", block);
            if (THOUGHTS.contains(type)) {
                continue;
            }
            if (!type.equals("text")) {
                throw unsupported(where + "[" + i + "]", type, "text");
            }
            text.append(text.isEmpty() ? "" : "\n\n").append(string(where + "[" + i + "].text", block.get("text")));
        }
        return text.toString();
    }

    /** Blocks as plain text, for a conversation that the agent is told of rather than had. */
    static String described(ArrayNode blocks) {
        StringBuilder text = new StringBuilder();
        for (JsonNode block : blocks) {
            String type = block.path("type").asString();
            text.append(text.isEmpty() ? "" : "\n\n")
                    .append(type.equals("text") ? block.path("text").asString() : "[" + type + "]");
        }
        return text.toString();
    }

    private ObjectNode userBlock(String where, ObjectNode block) {
        String type = type(where, block);
        return switch (type) {
            case "text" -> {
                Fields.onlyKnown(block, where + ".", Set.of("type", "text", "cache_control", "citations"));
                yield mapper.createObjectNode()
                        .put("type", "text")
                        .put("text", filled(where + ".text", block.get("text")));
            }
            case "image" -> {
                Fields.onlyKnown(block, where + ".", Set.of("type", "source", "cache_control"));
                requireImage(where + ".source", object(where + ".source", block.get("source")));
                yield block.deepCopy().without("cache_control").asObject();
            }
            case "document" -> {
                Fields.onlyKnown(
                        block, where + ".", Set.of("type", "source", "title", "context", "citations", "cache_control"));
                requireDocument(where + ".source", object(where + ".source", block.get("source")));
                yield block.deepCopy().without("cache_control").asObject();
            }
            default -> throw unsupported(where, type, "text, image and document");
        };
    }

    private static void requireImage(String where, ObjectNode source) {
        switch (type(where, source)) {
            case "base64" -> {
                if (!IMAGES.contains(string(where + ".media_type", source.get("media_type")))) {
                    throw CloisterException.invalid(
                            where + ".media_type must be one of image/jpeg, image/png, image/gif, image/webp");
                }
                requireBase64(where, source);
            }
            case "url" -> requireUrl(where, source);
            default -> throw CloisterException.invalid(where + ".type must be base64 or url");
        }
    }

    private static void requireDocument(String where, ObjectNode source) {
        switch (type(where, source)) {
            case "base64" -> {
                if (!string(where + ".media_type", source.get("media_type")).equals("application/pdf")) {
                    throw CloisterException.invalid(where + ".media_type must be application/pdf");
                }
                requireBase64(where, source);
            }
            case "text" -> filled(where + ".data", source.get("data"));
            case "url" -> requireUrl(where, source);
            default -> throw CloisterException.invalid(where + ".type must be base64, text or url");
        }
    }

    private static void requireBase64(String where, ObjectNode source) {
        try {
            if (Base64.getDecoder().decode(string(where + ".data", source.get("data"))).length > 0) {
                return;
            }
        } catch (IllegalArgumentException _) {
            // The same answer as for no data at all.
        }
        throw CloisterException.invalid(where + ".data must be base64 without line breaks, and not empty");
    }

    private static void requireUrl(String where, ObjectNode source) {
        if (!string(where + ".url", source.get("url")).startsWith("https://")) {
            throw CloisterException.invalid(where + ".url must begin with https://");
        }
    }

    private static CloisterException unsupported(String where, String type, String supported) {
        boolean tools = type.endsWith("tool_use") || type.endsWith("tool_result");
        return CloisterException.invalid(
                tools
                        ? where + " is about a tool call of the client's, but the tools here are the agent's own;"
                                + " leave such blocks out"
                        : where + ".type is not supported here; use " + supported);
    }

    private static JsonNode array(String where, JsonNode node) {
        if (!node.isArray() || node.isEmpty()) {
            throw CloisterException.invalid(where + " must be a string or a list of at least one block");
        }
        return node;
    }

    private static ObjectNode object(String where, @Nullable JsonNode node) {
        if (node instanceof ObjectNode object) {
            return object;
        }
        throw CloisterException.invalid(where + " must be an object");
    }

    private static String type(String where, ObjectNode block) {
        return string(where + ".type", block.get("type"));
    }

    private static String string(String where, @Nullable JsonNode node) {
        return Optional.ofNullable(node)
                .filter(JsonNode::isString)
                .map(JsonNode::stringValue)
                .orElseThrow(() -> CloisterException.invalid(where + " must be a string"));
    }

    private static String filled(String where, @Nullable JsonNode node) {
        String text = string(where, node);
        if (BLANK.matcher(text).matches()) {
            throw CloisterException.invalid(where + " must not be empty");
        }
        return text;
    }
}
