package dev.cloister.core.upstream;

import dev.cloister.core.upstream.PacedInputStream.Piece;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One assistant message of the scripted upstream, and its two forms on the wire.
 *
 * @see <a href="https://docs.anthropic.com/en/docs/build-with-claude/streaming">Messages API: streaming</a>
 */
record ScriptedAnswer(String id, String model, List<Block> blocks, long inputTokens) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    ScriptedAnswer {
        blocks = List.copyOf(blocks);
    }

    sealed interface Block {
        record Text(String text, int chunks, Duration pause) implements Block {}

        record ToolUse(String id, String name, ObjectNode input) implements Block {}
    }

    private String stopReason() {
        return blocks.stream().anyMatch(Block.ToolUse.class::isInstance) ? "tool_use" : "end_turn";
    }

    private long outputTokens() {
        return tokens(blocks.stream()
                .mapToLong(block -> switch (block) {
                    case Block.Text text -> text.text().length();
                    case Block.ToolUse use -> use.input().toString().length();
                })
                .sum());
    }

    /** A deterministic stand-in for a tokenizer. */
    static long tokens(long characters) {
        return Math.max(1, characters / 4);
    }

    /** The whole message as one JSON document. */
    String json() {
        ObjectNode message = message();
        ArrayNode content = (ArrayNode) message.path("content");
        for (Block block : blocks) {
            ObjectNode node = content.addObject();
            switch (block) {
                case Block.Text text -> node.put("type", "text").put("text", text.text());
                case Block.ToolUse use -> toolUse(node, use).set("input", use.input());
            }
        }
        message.put("stop_reason", stopReason());
        ((ObjectNode) message.path("usage")).put("output_tokens", outputTokens());
        return JSON.writeValueAsString(message);
    }

    /** The message as server-sent events. */
    List<Piece> events() {
        List<Piece> events = new ArrayList<>();
        ObjectNode start = event("message_start");
        start.set("message", message());
        events.add(piece(Duration.ZERO, start));
        for (int index = 0; index < blocks.size(); index++) {
            block(events, index, blocks.get(index));
        }
        ObjectNode delta = event("message_delta");
        delta.putObject("delta").put("stop_reason", stopReason()).putNull("stop_sequence");
        delta.putObject("usage").put("output_tokens", outputTokens());
        events.add(piece(Duration.ZERO, delta));
        events.add(piece(Duration.ZERO, event("message_stop")));
        return events;
    }

    private static void block(List<Piece> events, int index, Block block) {
        ObjectNode start = event("content_block_start").put("index", index);
        ObjectNode content = start.putObject("content_block");
        List<Piece> deltas = new ArrayList<>();
        switch (block) {
            case Block.Text text -> {
                content.put("type", "text").put("text", "");
                Duration pause = Duration.ZERO;
                for (String part : split(text.text(), text.chunks())) {
                    deltas.add(delta(pause, index, "text_delta", "text", part));
                    pause = text.pause();
                }
            }
            case Block.ToolUse use -> {
                toolUse(content, use).putObject("input");
                deltas.add(delta(
                        Duration.ZERO,
                        index,
                        "input_json_delta",
                        "partial_json",
                        use.input().toString()));
            }
        }
        events.add(piece(Duration.ZERO, start));
        events.addAll(deltas);
        events.add(piece(Duration.ZERO, event("content_block_stop").put("index", index)));
    }

    private static Piece delta(Duration after, int index, String type, String field, String value) {
        ObjectNode event = event("content_block_delta").put("index", index);
        event.putObject("delta").put("type", type).put(field, value);
        return piece(after, event);
    }

    private ObjectNode message() {
        ObjectNode message = JSON.createObjectNode()
                .put("id", id)
                .put("type", "message")
                .put("role", "assistant")
                .put("model", model);
        message.putArray("content");
        message.putNull("stop_reason").putNull("stop_sequence");
        message.putObject("usage")
                .put("input_tokens", inputTokens)
                .put("cache_creation_input_tokens", 0)
                .put("cache_read_input_tokens", 0)
                .put("output_tokens", 1);
        return message;
    }

    private static ObjectNode toolUse(ObjectNode node, Block.ToolUse use) {
        return node.put("type", "tool_use").put("id", use.id()).put("name", use.name());
    }

    private static ObjectNode event(String type) {
        return JSON.createObjectNode().put("type", type);
    }

    private static Piece piece(Duration after, ObjectNode event) {
        String type = event.path("type").asString("");
        return new Piece(after, "event: " + type + "\ndata: " + JSON.writeValueAsString(event) + "\n\n");
    }

    /** At most {@code chunks} parts of about the same length; never between the halves of a surrogate pair. */
    static List<String> split(String text, int chunks) {
        int points = text.codePointCount(0, text.length());
        int parts = Math.clamp(points, 1, chunks);
        List<String> result = new ArrayList<>();
        int from = 0;
        for (int part = 1; part <= parts; part++) {
            int count = (int) ((long) points * part / parts - (long) points * (part - 1) / parts);
            int to = text.offsetByCodePoints(from, count);
            result.add(text.substring(from, to));
            from = to;
        }
        return result;
    }
}
