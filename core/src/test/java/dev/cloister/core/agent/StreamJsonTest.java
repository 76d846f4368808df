package dev.cloister.core.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

class StreamJsonTest {
    private static AgentEvent one(String line) {
        List<AgentEvent> events = StreamJson.parse(line);
        assertThat(events).hasSize(1);
        return events.getFirst();
    }

    @Test
    void initSaysWhatTheAgentTook() {
        AgentEvent event = one("""
                {"type":"system","subtype":"init","cwd":"/w","session_id":"s","tools":["Bash","Read"],
                "mcp_servers":[{"name":"docs","status":"connected"}],"model":"m","permissionMode":"dontAsk",
                "claude_code_version":"2.1.0","uuid":"u"}""");
        assertThat(event).isEqualTo(new AgentEvent.Init("2.1.0", "dontAsk", List.of("Bash", "Read"), List.of("docs")));
    }

    @Test
    void otherSystemLinesDoNotMatter() {
        assertThat(one("{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1,\"error_status\":529}"))
                .isEqualTo(new AgentEvent.Other("system/api_retry"));
        assertThat(one("{\"type\":\"system\",\"subtype\":\"status\",\"status\":\"requesting\"}"))
                .isEqualTo(new AgentEvent.Other("system/status"));
    }

    @Test
    void theModelsOwnEventsPassAsTheyAre() {
        AgentEvent event = one("""
                {"type":"stream_event","event":{"type":"content_block_stop","index":3},"parent_tool_use_id":null,"ttft_ms":9}""");
        assertThat(event)
                .isInstanceOfSatisfying(
                        AgentEvent.Model.class,
                        model -> assertThat(model.event().toString())
                                .isEqualTo("{\"type\":\"content_block_stop\",\"index\":3}"));
    }

    @Test
    void whatASubagentsModelSaysIsNotTheAnswer() {
        assertThat(one("{\"type\":\"stream_event\",\"event\":{\"type\":\"message_start\"},"
                        + "\"parent_tool_use_id\":\"toolu_1\"}"))
                .isEqualTo(new AgentEvent.Other("stream_event"));
    }

    @Test
    void toolCallsAreTakenFromAssistantLinesAndTextIsNot() {
        List<AgentEvent> events = StreamJson.parse("""
                {"type":"assistant","message":{"id":"msg_1","content":[{"type":"text","text":"I run two"},
                {"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"ls"}},
                {"type":"tool_use","id":"toolu_2","name":"Read","input":{"file_path":"a"}}]},"parent_tool_use_id":null}""");
        assertThat(events)
                .containsExactly(
                        new AgentEvent.ToolCall(
                                "toolu_1",
                                "Bash",
                                JsonNodeFactory.instance.objectNode().put("command", "ls")),
                        new AgentEvent.ToolCall(
                                "toolu_2",
                                "Read",
                                JsonNodeFactory.instance.objectNode().put("file_path", "a")));
    }

    @Test
    void toolResultsMayBeTextOrBlocks() {
        List<AgentEvent> events = StreamJson.parse("""
                {"type":"user","message":{"role":"user","content":[
                {"type":"tool_result","tool_use_id":"toolu_1","content":"plain","is_error":true},
                {"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text","text":"a"},{"type":"image","source":{}},{"type":"text","text":"b"}]},
                {"type":"tool_result","tool_use_id":"toolu_3"}]}}""");
        assertThat(events)
                .containsExactly(
                        new AgentEvent.ToolResult("toolu_1", "plain", true),
                        new AgentEvent.ToolResult("toolu_2", "a[image]b", false),
                        new AgentEvent.ToolResult("toolu_3", "", false));
    }

    @Test
    void anEchoedUserMessageIsNoToolResult() {
        assertThat(StreamJson.parse(
                        "{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"[Request interrupted]\"}}"))
                .isEmpty();
    }

    @Test
    void aResultIsJudgedByItsErrorFlag() {
        assertThat(one("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\","
                        + "\"api_error_status\":null,\"permission_denials\":[]}"))
                .isEqualTo(new AgentEvent.Result(false, "success", "done", Optional.empty(), List.of()));
        assertThat(one("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":429,"
                        + "\"result\":\"API Error\"}"))
                .isEqualTo(new AgentEvent.Result(true, "success", "API Error", Optional.of(429), List.of()));
    }

    @Test
    void aResultWithoutAnErrorFlagIsNoSuccess() {
        assertThat(one("{\"type\":\"result\",\"subtype\":\"success\",\"result\":\"done\"}"))
                .isInstanceOfSatisfying(
                        AgentEvent.Result.class,
                        result -> assertThat(result.failed()).isTrue());
    }

    @Test
    void aResultWithoutTextSaysItsErrors() {
        assertThat(one("{\"type\":\"result\",\"subtype\":\"error_max_turns\",\"is_error\":true,"
                        + "\"errors\":[\"Reached maximum\",\"twice\"]}"))
                .isInstanceOfSatisfying(AgentEvent.Result.class, result -> {
                    assertThat(result.text()).isEqualTo("Reached maximum; twice");
                    assertThat(result.subtype()).isEqualTo("error_max_turns");
                });
    }

    @Test
    void aResultListsItsDenials() {
        assertThat(
                        one(
                                "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"\","
                                        + "\"permission_denials\":[{\"tool_name\":\"Bash\",\"tool_use_id\":\"toolu_1\",\"tool_input\":{}}]}"))
                .isInstanceOfSatisfying(
                        AgentEvent.Result.class,
                        result ->
                                assertThat(result.denials()).containsExactly(new AgentEvent.Denial("toolu_1", "Bash")));
    }

    @Test
    void controlResponsesSayWhetherTheySucceeded() {
        assertThat(one("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"r1\","
                        + "\"response\":{\"errors\":[]}}}"))
                .isInstanceOfSatisfying(AgentEvent.ControlResponse.class, response -> {
                    assertThat(response.requestId()).isEqualTo("r1");
                    assertThat(response.success()).isTrue();
                    assertThat(response.response().path("errors").isArray()).isTrue();
                });
        assertThat(one("{\"type\":\"control_response\",\"response\":{\"subtype\":\"error\",\"request_id\":\"r1\","
                        + "\"error\":\"Unsupported\"}}"))
                .isInstanceOfSatisfying(
                        AgentEvent.ControlResponse.class,
                        response -> assertThat(response.success()).isFalse());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "[]",
                "null",
                "3",
                "\"text\"",
                "{\"type\":7}",
                "{\"type\":\"system\"}",
                "{\"type\":\"stream_event\"}",
                "{\"type\":\"stream_event\",\"event\":[]}",
                "{\"type\":\"assistant\",\"message\":null}",
                "{\"type\":\"user\"}",
                "{\"type\":\"control_response\"}",
                "{\"type\":\"result\"}",
                "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{}}"
            })
    void aLineOfAnotherShapeIsNoReasonToFail(String line) {
        assertThat(StreamJson.parse(line)).allSatisfy(event -> assertThat(event).isNotNull());
    }

    @Test
    void aLineThatIsNotJsonIs() {
        assertThatThrownBy(() -> StreamJson.parse("Error: not logged in")).isInstanceOf(JacksonException.class);
    }

    @Test
    void whatIsSentIsOneLineEach() {
        String hostile = "two\nlines \"quoted\" \u2028 end";
        String line =
                StreamJson.userMessage(JsonNodeFactory.instance.arrayNode().add(hostile));
        assertThat(line).doesNotContain("\n");
        assertThat(JsonMapper.shared()
                        .readTree(line)
                        .path("message")
                        .path("content")
                        .path(0)
                        .asString())
                .isEqualTo(hostile);
        assertThat(StreamJson.controlRequest("r1", "interrupt"))
                .isEqualTo(
                        "{\"type\":\"control_request\",\"request_id\":\"r1\",\"request\":{\"subtype\":\"interrupt\"}}");
    }

    @Test
    void aStatusBeyondAnyNumberOfHttpIsNone() {
        assertThat(one("{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,"
                        + "\"api_error_status\":99999999999,\"permission_denials\":[]}"))
                .isInstanceOfSatisfying(
                        AgentEvent.Result.class,
                        result -> assertThat(result.upstreamStatus()).isEmpty());
    }
}
