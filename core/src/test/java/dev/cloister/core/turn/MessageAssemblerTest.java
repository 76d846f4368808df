package dev.cloister.core.turn;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.usage.UsageTotals;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

class MessageAssemblerTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final UsageTotals USED = new UsageTotals("m", 2, 11, 22, 33, 44, 55);

    private final MessageAssembler assembler = new MessageAssembler("msg_1", "asked-for");
    private final List<JsonNode> sent = new ArrayList<>();

    private void send(List<MessageAssembler.Outgoing> events) {
        for (MessageAssembler.Outgoing event : events) {
            JsonNode data = JSON.readTree(event.data());
            assertThat(data.path("type").asString()).isEqualTo(event.type());
            assertThat(event.data()).doesNotContain("\n");
            sent.add(data);
        }
    }

    private void accept(AgentEvent event) {
        send(assembler.accept(event));
    }

    private void model(String event) {
        accept(new AgentEvent.Model((ObjectNode) JSON.readTree(event)));
    }

    private void messageStart() {
        model(
                "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_inner\",\"model\":\"real\",\"usage\":{\"input_tokens\":7}}}");
    }

    private void blockStart(int index, String block) {
        model("{\"type\":\"content_block_start\",\"index\":" + index + ",\"content_block\":" + block + "}");
    }

    private void text(int index) {
        blockStart(index, "{\"type\":\"text\",\"text\":\"\"}");
    }

    private void delta(int index, String delta) {
        model("{\"type\":\"content_block_delta\",\"index\":" + index + ",\"delta\":" + delta + "}");
    }

    private void textDelta(int index, String text) {
        delta(index, "{\"type\":\"text_delta\",\"text\":\"" + text + "\"}");
    }

    private void blockStop(int index) {
        model("{\"type\":\"content_block_stop\",\"index\":" + index + "}");
    }

    private void messageEnd(String reason) {
        model("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" + reason
                + "\"},\"usage\":{\"output_tokens\":1}}");
        model("{\"type\":\"message_stop\"}");
    }

    private ObjectNode finish(String spoken, String reason) {
        send(assembler.finish(spoken, reason, USED));
        return assembler.message(USED);
    }

    private List<String> types() {
        return sent.stream().map(event -> event.path("type").asString()).toList();
    }

    private static List<String> texts(JsonNode message) {
        return message.path("content")
                .valueStream()
                .map(block -> block.path("text").asString(""))
                .toList();
    }

    /** What a client makes of the events: it must be the message. */
    private void assertStreamEquals(ObjectNode message) {
        assertThat(types().getFirst()).isEqualTo("message_start");
        ObjectNode replayed = (ObjectNode) sent.getFirst().path("message").deepCopy();
        List<ObjectNode> content = new ArrayList<>();
        for (JsonNode event : sent) {
            int index = event.path("index").asInt(-1);
            switch (event.path("type").asString()) {
                case "content_block_start" -> {
                    assertThat(index).isEqualTo(content.size());
                    content.add((ObjectNode) event.path("content_block").deepCopy());
                }
                case "content_block_delta" -> {
                    JsonNode delta = event.path("delta");
                    String field = delta.path("type").asString().replace("_delta", "");
                    ObjectNode block = content.get(index);
                    block.put(
                            field,
                            block.path(field).asString("") + delta.path(field).asString(""));
                }
                case "message_delta" -> {
                    replayed.setAll((ObjectNode) event.path("delta"));
                    replayed.set("usage", event.path("usage"));
                }
                default -> {}
            }
        }
        content.forEach(replayed.withArray("content")::add);
        // As text: a number that was read is of another kind of node than one that was put.
        assertThat(replayed.toString())
                .isEqualTo(JSON.readTree(message.toString()).toString());
    }

    @Test
    void manyAnswersOfTheModelBecomeOneMessage() {
        messageStart();
        text(0);
        textDelta(0, "first ");
        textDelta(0, "part");
        blockStop(0);
        messageEnd("tool_use");
        messageStart();
        text(0);
        textDelta(0, "second");
        blockStop(0);
        messageEnd("end_turn");
        ObjectNode message = finish("second", "");

        assertThat(texts(message)).containsExactly("first part", "second");
        assertThat(message.path("id").asString()).isEqualTo("msg_1");
        assertThat(message.path("model").asString()).isEqualTo("real");
        assertThat(message.path("stop_reason").asString()).isEqualTo("end_turn");
        assertThat(types())
                .containsExactly(
                        "message_start",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_delta",
                        "content_block_stop",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_stop",
                        "message_delta",
                        "message_stop");
        assertStreamEquals(message);
    }

    @Test
    void theUsageIsWhatTheBrokerMetered() {
        messageStart();
        JsonNode usage = finish("", "").path("usage");
        assertThat(usage.path("input_tokens").asInt()).isEqualTo(11);
        assertThat(usage.path("output_tokens").asInt()).isEqualTo(22);
        assertThat(usage.path("cache_creation_input_tokens").asInt()).isEqualTo(33);
        assertThat(usage.path("cache_read_input_tokens").asInt()).isEqualTo(44);
    }

    @Test
    void toolBlocksAreHiddenAndLeaveNoGapInTheNumbers() {
        messageStart();
        blockStart(0, "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":{}}");
        delta(0, "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}");
        blockStop(0);
        text(1);
        textDelta(1, "after");
        blockStop(1);
        blockStart(2, "{\"type\":\"server_tool_use\",\"id\":\"s\"}");
        blockStop(2);
        ObjectNode message = finish("after", "");
        assertThat(texts(message)).containsExactly("after");
        assertThat(sent).noneSatisfy(event -> assertThat(event.toString()).contains("tool_use"));
        assertStreamEquals(message);
    }

    @Test
    void thinkingKeepsItsTextAndSignature() {
        messageStart();
        blockStart(0, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
        delta(0, "{\"type\":\"thinking_delta\",\"thinking\":\"hm, \"}");
        delta(0, "{\"type\":\"thinking_delta\",\"thinking\":\"yes\"}");
        delta(0, "{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}");
        blockStop(0);
        blockStart(1, "{\"type\":\"redacted_thinking\",\"data\":\"ZGF0YQ==\"}");
        blockStop(1);
        text(2);
        textDelta(2, "so");
        blockStop(2);
        ObjectNode message = finish("so", "");
        assertThat(message.path("content").path(0).path("thinking").asString()).isEqualTo("hm, yes");
        assertThat(message.path("content").path(0).path("signature").asString()).isEqualTo("c2ln");
        assertThat(message.path("content").path(1).path("data").asString()).isEqualTo("ZGF0YQ==");
        assertThat(message.path("content").path(2).path("text").asString()).isEqualTo("so");
        assertStreamEquals(message);
    }

    @Test
    void blocksMayInterleave() {
        messageStart();
        text(0);
        text(1);
        textDelta(1, "b1");
        textDelta(0, "a1");
        blockStop(0);
        textDelta(1, "b2");
        blockStop(1);
        ObjectNode message = finish("", "");
        assertThat(texts(message)).containsExactly("a1", "b1b2");
        assertStreamEquals(message);
    }

    @Test
    void aNewAnswerDoesNotWriteIntoTheBlocksOfTheOneBefore() {
        messageStart();
        text(0);
        textDelta(0, "cut ");
        // No stop: the answer was broken off and asked for again.
        messageStart();
        textDelta(0, "lost");
        text(0);
        textDelta(0, "whole");
        blockStop(0);
        assertThat(texts(finish("", ""))).containsExactly("cut ", "whole");
    }

    @Test
    void aBlockThatBeginsWithTextKeepsIt() {
        messageStart();
        blockStart(0, "{\"type\":\"text\",\"text\":\"begun \"}");
        textDelta(0, "and done");
        blockStop(0);
        ObjectNode message = finish("", "");
        assertThat(texts(message)).containsExactly("begun and done");
        assertStreamEquals(message);
    }

    @Test
    void aTurnInWhichTheModelStreamedNothingIsStillAnAnswer() {
        ObjectNode message = finish("said", "");
        assertThat(texts(message)).containsExactly("said");
        assertThat(message.path("model").asString()).isEqualTo("asked-for");
        assertThat(types())
                .containsExactly(
                        "message_start",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_stop",
                        "message_delta",
                        "message_stop");
        assertStreamEquals(message);
    }

    @Test
    void aSilentTurnHasAnEmptyAnswer() {
        ObjectNode message = finish("", "");
        assertThat(message.path("content").isEmpty()).isTrue();
        assertStreamEquals(message);
    }

    @Test
    void theReasonOfTheServerGoesBeforeTheModels() {
        messageStart();
        messageEnd("tool_use");
        ObjectNode message = finish("", "pause_turn");
        assertThat(message.path("stop_reason").asString()).isEqualTo("pause_turn");
        assertStreamEquals(message);
    }

    @Test
    void toolsAreShownAsEventsOfTheAgent() {
        accept(new AgentEvent.ToolCall(
                "toolu_1", "Bash", JsonNodeFactory.instance.objectNode().put("command", "ls")));
        assertThat(assembler.hasOpenToolCalls()).isTrue();
        accept(new AgentEvent.ToolResult("toolu_1", "out", true));
        assertThat(assembler.hasOpenToolCalls()).isFalse();
        send(assembler.denied(List.of(new AgentEvent.Denial("toolu_2", "Read"))));
        assertThat(sent.stream().map(JsonNode::toString))
                .containsExactly(
                        "{\"type\":\"agent.tool_call\",\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":{\"command\":\"ls\"}}",
                        "{\"type\":\"agent.tool_result\",\"tool_use_id\":\"toolu_1\",\"is_error\":true,\"content\":\"out\"}",
                        "{\"type\":\"agent.denied\",\"tool_use_id\":\"toolu_2\",\"name\":\"Read\"}");
    }

    @Test
    void aRefusedCallIsSaidOnceWhenItIsRefused() {
        for (String id : List.of("toolu_1", "toolu_2", "toolu_3")) {
            accept(new AgentEvent.ToolCall(id, "Bash", JsonNodeFactory.instance.objectNode()));
        }
        accept(new AgentEvent.ToolResult(
                "toolu_1", "Permission to use Bash with command ps\naux has been denied.", true));
        accept(new AgentEvent.ToolResult("toolu_2", "cat: Permission to use Bash has been denied", true));
        accept(new AgentEvent.ToolResult("toolu_3", "Permission to use Bash has been denied.", false));
        send(assembler.denied(
                List.of(new AgentEvent.Denial("toolu_1", "Bash"), new AgentEvent.Denial("toolu_4", "Read"))));
        assertThat(sent.stream()
                        .filter(event -> event.path("type").asString().equals("agent.denied"))
                        .map(event -> event.path("tool_use_id").asString()))
                .containsExactly("toolu_1", "toolu_4");
    }

    @Test
    void aLongToolResultIsCutAndSaysSo() {
        accept(new AgentEvent.ToolResult("toolu_1", "x".repeat(70_000), false));
        assertThat(sent.getFirst().path("content").asString()).hasSize(64 << 10);
        assertThat(sent.getFirst().path("truncated").asBoolean()).isTrue();
    }

    @Test
    void aToolResultIsNotCutThroughACharacter() {
        accept(new AgentEvent.ToolResult("toolu_1", "x".repeat((64 << 10) - 1) + "\uD83D\uDE00 and more", false));
        String content = sent.getFirst().path("content").asString();
        assertThat(Character.isSurrogate(content.charAt(content.length() - 1))).isFalse();
    }

    @Test
    void whatIsNotForTheClientSaysNothing() {
        accept(new AgentEvent.Init("1", "dontAsk", List.of(), List.of()));
        accept(new AgentEvent.Other("rate_limit_event"));
        accept(new AgentEvent.ControlResponse("r", true, JsonNodeFactory.instance.objectNode()));
        accept(new AgentEvent.Result(false, "success", "text", Optional.empty(), List.of()));
        model("{\"type\":\"ping\"}");
        textDelta(5, "of no block");
        blockStop(5);
        assertThat(sent).isEmpty();
    }
}
