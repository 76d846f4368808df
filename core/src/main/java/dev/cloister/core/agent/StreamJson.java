package dev.cloister.core.agent;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The agent's line protocol, in both directions. Pure and thread-safe. */
public final class StreamJson {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private StreamJson() {}

    /**
     * Understands one line of output; several events come of one line when a message holds several tool calls.
     *
     * @throws JacksonException if the line is not JSON
     */
    public static List<AgentEvent> parse(String line) {
        JsonNode json = JSON.readTree(line);
        String type = json.path("type").asString("");
        return switch (type) {
            case "system" -> List.of(system(json));
            case "stream_event" -> List.of(stream(json));
            case "assistant" -> toolCalls(json);
            case "user" -> toolResults(json);
            case "control_response" -> List.of(control(json.path("response")));
            case "result" -> List.of(result(json));
            default -> List.of(new AgentEvent.Other(type));
        };
    }

    private static AgentEvent system(JsonNode json) {
        String subtype = json.path("subtype").asString("");
        String task = json.path("task_id").asString("");
        return switch (subtype) {
            case "init" -> init(json);
            case "task_started" -> new AgentEvent.TaskStarted(task);
            // Told to the model, which then goes on by itself: only after that is nothing more to come of it.
            case "task_notification" -> new AgentEvent.TaskEnded(task);
            default -> new AgentEvent.Other("system/" + subtype);
        };
    }

    private static AgentEvent init(JsonNode json) {
        List<String> servers = new ArrayList<>();
        json.path("mcp_servers")
                .forEach(server -> servers.add(server.path("name").asString("")));
        return new AgentEvent.Init(
                json.path("claude_code_version").asString(""),
                json.path("permissionMode").asString(""),
                strings(json.path("tools")),
                servers);
    }

    private static AgentEvent stream(JsonNode json) {
        if (ofSubagent(json) || !(json.path("event") instanceof ObjectNode event)) {
            return new AgentEvent.Other("stream_event");
        }
        return new AgentEvent.Model(event);
    }

    private static boolean ofSubagent(JsonNode json) {
        return json.path("parent_tool_use_id").isString();
    }

    private static List<AgentEvent> toolCalls(JsonNode json) {
        List<AgentEvent> calls = new ArrayList<>();
        for (JsonNode block : json.path("message").path("content")) {
            if (block.path("type").asString("").equals("tool_use")) {
                calls.add(new AgentEvent.ToolCall(
                        block.path("id").asString(""), block.path("name").asString(""), block.path("input")));
            }
        }
        return calls;
    }

    private static List<AgentEvent> toolResults(JsonNode json) {
        List<AgentEvent> results = new ArrayList<>();
        for (JsonNode block : json.path("message").path("content")) {
            if (block.path("type").asString("").equals("tool_result")) {
                results.add(new AgentEvent.ToolResult(
                        block.path("tool_use_id").asString(""),
                        flatten(block.path("content")),
                        block.path("is_error").asBoolean(false)));
            }
        }
        return results;
    }

    private static String flatten(JsonNode content) {
        if (content.isString()) {
            return content.asString();
        }
        StringBuilder text = new StringBuilder();
        for (JsonNode block : content) {
            String type = block.path("type").asString("");
            text.append(type.equals("text") ? block.path("text").asString("") : "[" + type + "]");
        }
        return text.toString();
    }

    private static AgentEvent control(JsonNode response) {
        return new AgentEvent.ControlResponse(
                response.path("request_id").asString(""),
                response.path("subtype").asString("").equals("success"),
                response.path("response"));
    }

    private static AgentEvent result(JsonNode json) {
        List<AgentEvent.Denial> denials = new ArrayList<>();
        json.path("permission_denials")
                .forEach(denial -> denials.add(new AgentEvent.Denial(
                        denial.path("tool_use_id").asString(""),
                        denial.path("tool_name").asString(""))));
        JsonNode status = json.path("api_error_status");
        String text = json.path("result").isString()
                ? json.path("result").asString()
                : String.join("; ", strings(json.path("errors")));
        return new AgentEvent.Result(
                // Absent means that the line is of a kind unknown here, and that is no success either.
                json.path("is_error").asBoolean(true),
                json.path("subtype").asString(""),
                text,
                status.isIntegralNumber() && status.canConvertToInt() ? Optional.of(status.asInt()) : Optional.empty(),
                denials);
    }

    private static List<String> strings(JsonNode array) {
        List<String> strings = new ArrayList<>();
        array.forEach(element -> strings.add(element.asString("")));
        return strings;
    }

    /**
     * A user message as a line, without its end. If its last block begins with {@code /}, a space goes before it: the agent
     * takes such a text for a command of its own, and with its commands switched off it answers "Unknown command" instead
     * of asking the model.
     */
    static String userMessage(ArrayNode content) {
        ArrayNode blocks = content.deepCopy();
        JsonNode last = blocks.path(blocks.size() - 1);
        if (last instanceof ObjectNode block && block.path("text").asString("").startsWith("/")) {
            block.put("text", " " + block.path("text").asString());
        }
        ObjectNode line = JSON.createObjectNode();
        line.put("type", "user");
        ObjectNode message = line.putObject("message");
        message.put("role", "user");
        message.set("content", blocks);
        return JSON.writeValueAsString(line);
    }

    /** A control request without arguments as a line, without its end. */
    static String controlRequest(String requestId, String subtype) {
        ObjectNode line = JSON.createObjectNode();
        line.put("type", "control_request");
        line.put("request_id", requestId);
        line.putObject("request").put("subtype", subtype);
        return JSON.writeValueAsString(line);
    }
}
