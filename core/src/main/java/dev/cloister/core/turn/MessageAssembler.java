package dev.cloister.core.turn;

import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.usage.UsageTotals;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Makes one Messages API answer out of the many model answers of a turn. What the model says to the user becomes the
 * answer's content, numbered through; tool calls, which are the agent's own business, become {@code agent.*} events that
 * the official SDKs ignore. Not thread-safe; does no I/O.
 *
 * @see <a href="https://docs.anthropic.com/en/docs/build-with-claude/streaming">Messages API: streaming</a>
 */
final class MessageAssembler {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Set<String> SHOWN = Set.of("text", "thinking", "redacted_thinking");
    private static final int MAX_TOOL_TEXT = 64 << 10;
    /** The event for a tool call that the policy refused. */
    static final String DENIED = "agent.denied";

    /** How the agent answers the model for a call that a rule forbids, and for one that no rule allows. */
    private static final Pattern REFUSAL = Pattern.compile(
            "(<tool_use_error>)?(File is in a directory that is denied by your permission settings"
                    + "|Permission to use \\w+( with command .*)? has been denied)",
            Pattern.DOTALL);

    /** An event for the client, not yet numbered. */
    record Outgoing(String type, String data) {}

    private final String id;
    private final List<ObjectNode> content = new ArrayList<>();
    /** The deltas' text by block, joined once at the end: appending strings to a node again and again is quadratic. */
    private final Map<Integer, StringBuilder> text = new HashMap<>();

    private final Map<Integer, Integer> indexes = new HashMap<>();
    /** Tool names of the calls without a result yet, by the call's id. */
    private final Map<String, String> openToolCalls = new HashMap<>();

    private final Set<String> denied = new HashSet<>();
    private String model;
    private boolean started;
    private String stopReason = "end_turn";

    MessageAssembler(String id, String model) {
        this.id = id;
        this.model = model;
    }

    /** What an event of the agent means for the client. */
    List<Outgoing> accept(AgentEvent event) {
        return switch (event) {
            case AgentEvent.Model modelEvent -> model(modelEvent.event());
            case AgentEvent.ToolCall call -> toolCall(call);
            case AgentEvent.ToolResult result -> toolResult(result);
            case AgentEvent.Init init -> List.of();
            case AgentEvent.ControlResponse response -> List.of();
            case AgentEvent.Result result -> List.of();
            case AgentEvent.TaskStarted started -> List.of();
            case AgentEvent.TaskEnded ended -> List.of();
            case AgentEvent.Other other -> List.of();
        };
    }

    private List<Outgoing> model(ObjectNode event) {
        int index = event.path("index").asInt(-1);
        return switch (event.path("type").asString("")) {
            case "message_start" -> messageStart(event.path("message"));
            case "content_block_start" -> blockStart(index, event.path("content_block"));
            case "content_block_delta" -> blockDelta(index, event.path("delta"));
            case "content_block_stop" -> blockStop(index);
            case "message_delta" -> {
                stopReason = event.path("delta").path("stop_reason").asString(stopReason);
                yield List.of();
            }
            default -> List.of();
        };
    }

    private List<Outgoing> messageStart(JsonNode message) {
        indexes.clear();
        if (started) {
            return List.of();
        }
        model = message.path("model").asString(model);
        return List.of(start(message.path("usage").path("input_tokens").asLong(0)));
    }

    private Outgoing start(long inputTokens) {
        started = true;
        ObjectNode data = event("message_start");
        ObjectNode message = head();
        message.putNull("stop_reason");
        message.putNull("stop_sequence");
        message.putObject("usage").put("input_tokens", inputTokens).put("output_tokens", 0);
        data.set("message", message);
        return outgoing(data);
    }

    private ObjectNode head() {
        ObjectNode message = JSON.createObjectNode();
        message.put("id", id);
        message.put("type", "message");
        message.put("role", "assistant");
        message.put("model", model);
        message.putArray("content");
        return message;
    }

    private List<Outgoing> blockStart(int index, JsonNode block) {
        if (!SHOWN.contains(block.path("type").asString("")) || !(block instanceof ObjectNode shown)) {
            return List.of();
        }
        int shownAs = content.size();
        indexes.put(index, shownAs);
        content.add(shown.deepCopy());
        textOf(shownAs).append(shown.path(shown.path("type").asString("")).asString(""));
        ObjectNode data = event("content_block_start");
        data.put("index", shownAs);
        data.set("content_block", shown);
        return List.of(outgoing(data));
    }

    private List<Outgoing> blockDelta(int index, JsonNode delta) {
        Integer shownAs = indexes.get(index);
        if (shownAs == null) {
            return List.of();
        }
        switch (delta.path("type").asString("")) {
            case "text_delta" -> textOf(shownAs).append(delta.path("text").asString(""));
            case "thinking_delta" ->
                textOf(shownAs).append(delta.path("thinking").asString(""));
            case "signature_delta" ->
                content.get(shownAs).put("signature", delta.path("signature").asString(""));
            default -> {}
        }
        ObjectNode data = event("content_block_delta");
        data.put("index", shownAs);
        data.set("delta", delta);
        return List.of(outgoing(data));
    }

    private StringBuilder textOf(int index) {
        return text.computeIfAbsent(index, i -> new StringBuilder());
    }

    private List<Outgoing> blockStop(int index) {
        Integer shownAs = indexes.remove(index);
        if (shownAs == null) {
            return List.of();
        }
        ObjectNode data = event("content_block_stop");
        data.put("index", shownAs);
        return List.of(outgoing(data));
    }

    private List<Outgoing> toolCall(AgentEvent.ToolCall call) {
        openToolCalls.put(call.id(), call.name());
        ObjectNode data = event("agent.tool_call");
        data.put("id", call.id());
        data.put("name", call.name());
        data.set("input", call.input());
        return List.of(outgoing(data));
    }

    private List<Outgoing> toolResult(AgentEvent.ToolResult result) {
        String tool = openToolCalls.remove(result.toolCallId());
        ObjectNode data = event("agent.tool_result");
        data.put("tool_use_id", result.toolCallId());
        data.put("is_error", result.isError());
        boolean cut = result.content().length() > MAX_TOOL_TEXT;
        data.put("content", cut ? beginning(result.content()) : result.content());
        if (cut) {
            data.put("truncated", true);
        }
        List<Outgoing> events = new ArrayList<>();
        events.add(outgoing(data));
        if (tool != null
                && result.isError()
                && REFUSAL.matcher(result.content()).lookingAt()) {
            events.addAll(denied(List.of(new AgentEvent.Denial(result.toolCallId(), tool))));
        }
        return events;
    }

    /** Not cut between the halves of a character: what is left would not be text. */
    private static String beginning(String text) {
        int end = Character.isHighSurrogate(text.charAt(MAX_TOOL_TEXT - 1)) ? MAX_TOOL_TEXT - 1 : MAX_TOOL_TEXT;
        return text.substring(0, end);
    }

    /** Whether a tool was called whose result never came: the turn was cut off, whatever else it says. */
    boolean hasOpenToolCalls() {
        return !openToolCalls.isEmpty();
    }

    /** An event for each call that the policy refused, once: the agent names only some of them at its end. */
    List<Outgoing> denied(List<AgentEvent.Denial> denials) {
        return denials.stream()
                .filter(denial -> denied.add(denial.toolCallId()))
                .map(denial -> outgoing(
                        event(DENIED).put("tool_use_id", denial.toolCallId()).put("name", denial.tool())))
                .toList();
    }

    /**
     * The events that end the answer.
     *
     * @param spoken what the agent says it answered, for a turn in which the model streamed nothing
     * @param reason why it stopped; empty for the model's own reason
     */
    List<Outgoing> finish(String spoken, String reason, UsageTotals used) {
        List<Outgoing> events = new ArrayList<>();
        if (!started) {
            events.add(start(used.inputTokens()));
        }
        if (content.isEmpty() && !spoken.isEmpty()) {
            ObjectNode block = JSON.createObjectNode().put("type", "text").put("text", "");
            events.addAll(blockStart(0, block));
            events.addAll(blockDelta(
                    0, JSON.createObjectNode().put("type", "text_delta").put("text", spoken)));
            events.addAll(blockStop(0));
        }
        if (!reason.isEmpty()) {
            stopReason = reason;
        }
        ObjectNode data = event("message_delta");
        data.putObject("delta").put("stop_reason", stopReason).putNull("stop_sequence");
        data.set("usage", usage(used));
        events.add(outgoing(data));
        events.add(outgoing(event("message_stop")));
        return events;
    }

    /** The complete answer; call after {@link #finish}. */
    ObjectNode message(UsageTotals used) {
        ObjectNode message = head();
        ArrayNode blocks = message.putArray("content");
        for (int i = 0; i < content.size(); i++) {
            ObjectNode block = content.get(i);
            StringBuilder all = textOf(i);
            if (!all.isEmpty()) {
                block.put(block.path("type").asString(""), all.toString());
            }
            blocks.add(block);
        }
        message.put("stop_reason", stopReason);
        message.putNull("stop_sequence");
        message.set("usage", usage(used));
        return message;
    }

    private static ObjectNode usage(UsageTotals used) {
        return JSON.createObjectNode()
                .put("input_tokens", used.inputTokens())
                .put("output_tokens", used.outputTokens())
                .put("cache_creation_input_tokens", used.cacheWriteTokens())
                .put("cache_read_input_tokens", used.cacheReadTokens());
    }

    private static ObjectNode event(String type) {
        return JSON.createObjectNode().put("type", type);
    }

    private static Outgoing outgoing(ObjectNode data) {
        return new Outgoing(data.path("type").asString(""), JSON.writeValueAsString(data));
    }
}
