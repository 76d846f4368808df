package dev.cloister.core.agent;

import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** One line of the agent's output, understood. */
public sealed interface AgentEvent {
    /** A turn begins. */
    record Init(String version, String permissionMode, List<String> tools, List<String> mcpServers)
            implements AgentEvent {}

    /** An event of the model's own stream, of the main conversation. */
    record Model(ObjectNode event) implements AgentEvent {}

    record ToolCall(String id, String name, JsonNode input) implements AgentEvent {}

    record ToolResult(String toolCallId, String content, boolean isError) implements AgentEvent {}

    /** An answer to a control request of the server. */
    record ControlResponse(String requestId, boolean success, JsonNode response) implements AgentEvent {}

    /**
     * The turn is over.
     *
     * @param failed what decides; {@code subtype} says success even when the upstream failed
     */
    record Result(boolean failed, String subtype, String text, Optional<Integer> upstreamStatus, List<Denial> denials)
            implements AgentEvent {}

    /** A tool call that the policy refused. */
    record Denial(String toolCallId, String tool) {}

    /** A command goes on in the background, beyond the call that started it and perhaps beyond the turn. */
    record TaskStarted(String id) implements AgentEvent {}

    /** A command in the background ended, however it did. */
    record TaskEnded(String id) implements AgentEvent {}

    /** Something that does not matter here. */
    record Other(String type) implements AgentEvent {}
}
