package dev.cloister.core.testing;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The agent's side of the line protocol: says which settings it took, plays its lines when the message comes, and ends when
 * its input does. After an interrupt it says so, as the real one does.
 */
public final class FakeAgent implements FakeProcess.Program {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final String settingsResponse;
    private final List<String> lines;
    private final List<String> received = new CopyOnWriteArrayList<>();
    private boolean endsAfterLines;
    private int lastMessage = Integer.MAX_VALUE;
    private int messages;
    private Runnable beforehand = () -> {};
    private String serversResponse = "{\"mcpServers\":[]}";

    /** @param settingsResponse the {@code response} of the answer to get_settings */
    public FakeAgent(String settingsResponse, String... lines) {
        this.settingsResponse = settingsResponse;
        this.lines = Arrays.asList(lines);
    }

    /** An agent that took the settings. */
    public static FakeAgent obedient(ObjectNode settings, String... lines) {
        return new FakeAgent(took(settings), lines);
    }

    /** The answer of an agent that took the settings. */
    public static String took(JsonNode settings) {
        ObjectNode response = JSON.createObjectNode();
        response.putArray("errors");
        response.set("effective", settings);
        return response.toString();
    }

    /** Makes it die after its last line, whatever comes in. */
    public FakeAgent thenDies() {
        endsAfterLines = true;
        return this;
    }

    /** Makes it die when it gets that message, before it says anything; the first is 1. */
    public FakeAgent thatDiesAt(int message) {
        lastMessage = message;
        return this;
    }

    /** Makes it do something first, which may take long. */
    public FakeAgent thatBegins(Runnable with) {
        beforehand = with;
        return this;
    }

    /** The same agent, which answers get_settings so. */
    public FakeAgent told(String response) {
        FakeAgent agent = new FakeAgent(response, lines.toArray(String[]::new));
        agent.endsAfterLines = endsAfterLines;
        agent.lastMessage = lastMessage;
        agent.beforehand = beforehand;
        return agent;
    }

    /** What it answers to mcp_status instead of that there are none. */
    public FakeAgent withServers(String response) {
        serversResponse = response;
        return this;
    }

    /** The lines that were sent to it so far. */
    public List<String> received() {
        return List.copyOf(received);
    }

    public static String init(String permissionMode, String... mcpServers) {
        ObjectNode init = JSON.createObjectNode()
                .put("type", "system")
                .put("subtype", "init")
                .put("claude_code_version", "1.2.3")
                .put("permissionMode", permissionMode);
        init.putArray("tools").add("Bash").add("Read");
        for (String server : mcpServers) {
            init.withArray("mcp_servers").addObject().put("name", server).put("status", "connected");
        }
        return init.toString();
    }

    /** The answer to a question of that id. */
    public static String answer(String id, String response) {
        return "{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"" + id
                + "\",\"response\":" + response + "}}";
    }

    /** A line with one of the model's own events. */
    public static String model(String event) {
        return "{\"type\":\"stream_event\",\"event\":" + event + ",\"parent_tool_use_id\":null}";
    }

    /** The lines of a model's answer that says one text. */
    public static String[] says(String text) {
        String quoted = JSON.writeValueAsString(text);
        return new String[] {
            model("{\"type\":\"message_start\",\"message\":{\"model\":\"m-1\",\"usage\":{\"input_tokens\":7}}}"),
            model("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"),
            model("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":" + quoted
                    + "}}"),
            model("{\"type\":\"content_block_stop\",\"index\":0}"),
            model("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}"),
            model("{\"type\":\"message_stop\"}")
        };
    }

    public static String result(String subtype, boolean isError, String text) {
        return JSON.createObjectNode()
                .put("type", "result")
                .put("subtype", subtype)
                .put("is_error", isError)
                .put("result", text)
                .toString();
    }

    @Override
    public int run(FakeProcess.Terminal terminal) throws IOException {
        beforehand.run();
        for (Optional<String> line = terminal.readLine(); line.isPresent(); line = terminal.readLine()) {
            received.add(line.get());
            JsonNode json = JSON.readTree(line.get());
            if (json.path("type").asString().equals("user")) {
                if (++messages >= lastMessage) {
                    return 1;
                }
                for (String answer : lines) {
                    terminal.print(answer + "\n");
                }
                if (endsAfterLines) {
                    return 1;
                }
            } else if (json.path("request").path("subtype").asString().equals("interrupt")) {
                terminal.print("{\"type\":\"result\",\"subtype\":\"error_during_execution\",\"is_error\":true}\n");
            } else {
                boolean servers =
                        json.path("request").path("subtype").asString().equals("mcp_status");
                terminal.print(answer(json.path("request_id").asString(), servers ? serversResponse : settingsResponse)
                        + "\n");
            }
        }
        return 0;
    }
}
