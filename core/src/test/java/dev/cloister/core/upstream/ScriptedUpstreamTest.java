package dev.cloister.core.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Timeout(60)
class ScriptedUpstreamTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final ScriptedUpstream upstream = new ScriptedUpstream();
    private final ArrayNode messages = JSON.createArrayNode();

    private static String fenced(String steps) {
        return "please\n```script\n" + steps + "\n```\nthank you";
    }

    private void user(String... texts) {
        ArrayNode content = messages.addObject().put("role", "user").putArray("content");
        for (String text : texts) {
            content.addObject().put("type", "text").put("text", text);
        }
    }

    private void assistant(JsonNode answer) {
        messages.addObject().put("role", "assistant").set("content", answer.path("content"));
    }

    private ArrayNode result(JsonNode answer, boolean isError, String text) {
        ArrayNode content = messages.addObject().put("role", "user").putArray("content");
        ObjectNode result = content.addObject().put("type", "tool_result").put("is_error", isError);
        for (JsonNode block : answer.path("content")) {
            result.put("tool_use_id", block.path("id").asString(""));
        }
        result.putArray("content").addObject().put("type", "text").put("text", text);
        return content;
    }

    private UpstreamResponse send(boolean stream) throws InterruptedException {
        ObjectNode body = JSON.createObjectNode().put("model", "claude-x").put("stream", stream);
        body.set("messages", messages);
        return send("/v1/messages", JSON.writeValueAsString(body));
    }

    private UpstreamResponse send(String path, String body) throws InterruptedException {
        return upstream.send(new UpstreamRequest(path, "", Map.of(), body.getBytes(StandardCharsets.UTF_8)));
    }

    private JsonNode answer() throws IOException, InterruptedException {
        try (UpstreamResponse response = send(false)) {
            assertThat(response.status()).isEqualTo(200);
            return JSON.readTree(response.body());
        }
    }

    private static String text(JsonNode answer) {
        return answer.path("content")
                .path(answer.path("content").size() - 1)
                .path("text")
                .asString("");
    }

    private static String body(UpstreamResponse response) throws IOException {
        return new String(response.body().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void echoesWithoutWhatTheProgramAdded() throws Exception {
        user(
                "<system-reminder>\n" + fenced("[1]") + "</system-reminder>",
                "hello <system-reminder>x</system-reminder>☃");
        JsonNode answer = answer();
        assertThat(text(answer)).isEqualTo("hello ☃");
        assertThat(answer.path("model").asString()).isEqualTo("scripted/claude-x");
        assertThat(answer.path("stop_reason").asString()).isEqualTo("end_turn");
        assertThat(answer.path("usage").path("input_tokens").asLong()).isPositive();
        assertThat(answer.path("usage").path("output_tokens").asLong()).isEqualTo(1);
    }

    @Test
    void ignoresScriptsOfEarlierMessages() throws Exception {
        user("<conversation_history>" + fenced("[{\"tool\":\"Bash\",\"input\":{}}]") + "</conversation_history>now");
        assertThat(text(answer())).isEqualTo("now");
    }

    @Test
    void acceptsContentThatIsAString() throws Exception {
        messages.addObject().put("role", "user").put("content", "plain");
        assertThat(text(answer())).isEqualTo("plain");
    }

    @Test
    void playsOneTurnAfterTheOther() throws Exception {
        user(fenced("""
                [{"text":"first"},{"tool":"Write","input":{"a":1}},{"tool":"Bash","input":{"command":"x"}},
                 {"text":"done"}]"""));
        JsonNode first = answer();
        assertThat(first.path("stop_reason").asString()).isEqualTo("tool_use");
        assertThat(first.path("content")).hasSize(2);
        assertThat(first.path("content").path(0).path("text").asString()).isEqualTo("first");
        JsonNode use = first.path("content").path(1);
        assertThat(use.path("name").asString()).isEqualTo("Write");
        assertThat(use.path("input").toString()).isEqualTo("{\"a\":1}");

        assistant(first);
        result(first, false, "written").addObject().put("type", "text").put("text", "a remark of the program");
        JsonNode second = answer();
        assertThat(second.path("content").path(0).path("name").asString()).isEqualTo("Bash");
        assertThat(second.path("content").path(0).path("id")).isNotEqualTo(use.path("id"));

        assistant(second);
        result(second, true, "Exit code 1");
        JsonNode last = answer();
        assertThat(last.path("stop_reason").asString()).isEqualTo("end_turn");
        assertThat(last.path("content").path(0).path("text").asString()).isEqualTo("done");
        assertThat(text(last))
                .isEqualTo("[{\"tool\":\"Write\",\"is_error\":false,\"content\":\"written\"},"
                        + "{\"tool\":\"Bash\",\"is_error\":true,\"content\":\"Exit code 1\"}]");

        assistant(last);
        user("and now?");
        assertThat(text(answer())).isEqualTo("and now?");
        user(fenced("[{\"tool\":\"Read\",\"input\":{}}]"));
        assertThat(answer().path("content").path(0).path("name").asString()).isEqualTo("Read");
    }

    @Test
    void takesThePromptAfterAnInterruption() throws Exception {
        user(fenced("[{\"tool\":\"Bash\",\"input\":{}}]"), "[Request interrupted by user]\n", "hello");
        assertThat(text(answer())).isEqualTo("hello");
        user(fenced("[{\"tool\":\"Bash\",\"input\":{}}]"));
        JsonNode use = answer();
        assistant(use);
        ArrayNode content = result(use, true, "rejected");
        content.addObject().put("type", "text").put("text", "[Request interrupted by user for tool use]\n");
        content.addObject().put("type", "text").put("text", "another");
        assertThat(text(answer())).isEqualTo("another");
    }

    @Test
    void streamsTheEventsOfTheApi() throws Exception {
        user(fenced("[{\"text\":\"a☃😀b\",\"chunks\":4},{\"tool\":\"Bash\",\"input\":{\"command\":\"x\"}}]"));
        UpstreamResponse response = send(true);
        assertThat(response.headers().get("content-type")).startsWith("text/event-stream");
        List<String> types = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        JsonNode delta = JSON.nullNode();
        for (String event : body(response).split("\n\n", -1)) {
            if (event.isEmpty()) {
                continue;
            }
            String[] lines = event.split("\n", -1);
            assertThat(lines).hasSize(2);
            JsonNode data = JSON.readTree(lines[1].substring("data: ".length()));
            assertThat(lines[0]).isEqualTo("event: " + data.path("type").asString());
            types.add(data.path("type").asString());
            text.append(data.path("delta").path("text").asString(""));
            if (data.path("type").asString().equals("message_delta")) {
                delta = data;
            }
            if (data.path("delta").path("type").asString("").equals("input_json_delta")) {
                assertThat(data.path("delta").path("partial_json").asString()).isEqualTo("{\"command\":\"x\"}");
            }
        }
        assertThat(types)
                .containsExactly(
                        "message_start",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_delta",
                        "content_block_delta",
                        "content_block_delta",
                        "content_block_stop",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_stop",
                        "message_delta",
                        "message_stop");
        assertThat(text.toString()).isEqualTo("a☃😀b");
        assertThat(delta.path("delta").path("stop_reason").asString()).isEqualTo("tool_use");
        assertThat(delta.path("usage").path("output_tokens").asLong()).isPositive();
    }

    @Test
    void waitsBetweenPiecesUntilClosed() throws Exception {
        user(fenced("[{\"text\":\"abcd\",\"chunks\":2,\"chunk_delay_ms\":600000}]"));
        UpstreamResponse response = send(true);
        StringBuilder seen = new StringBuilder();
        byte[] piece = new byte[1000];
        while (!seen.toString().contains("\"ab\"")) {
            seen.append(new String(piece, 0, response.body().read(piece), StandardCharsets.UTF_8));
        }
        AtomicReference<Object> next = new AtomicReference<>();
        Thread reader = Thread.ofVirtual().start(() -> {
            try {
                next.set(response.body().read(new byte[1000]));
            } catch (IOException e) {
                next.set(e);
            }
        });
        response.close();
        reader.join();
        assertThat(next.get()).isInstanceOf(IOException.class);
    }

    @Test
    void waitsBeforeATurnUntilInterrupted() throws Exception {
        user(fenced("[{\"delay_ms\":600000}]"));
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread caller = Thread.ofVirtual().start(() -> {
            try {
                send(false);
            } catch (InterruptedException e) {
                thrown.set(e);
            }
        });
        caller.interrupt();
        caller.join();
        assertThat(thrown.get()).isInstanceOf(InterruptedException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "400,invalid_request_error",
        "401,authentication_error",
        "403,permission_error",
        "404,not_found_error",
        "413,request_too_large",
        "429,rate_limit_error",
        "500,api_error",
        "529,overloaded_error",
    })
    void answersWithErrors(int status, String type) throws Exception {
        user(fenced("[{\"error\":" + status + ",\"retry_after\":3}]"));
        for (int i = 0; i < 3; i++) {
            UpstreamResponse response = send(i == 0);
            assertThat(response.status()).isEqualTo(status);
            assertThat(response.headers()).containsEntry("retry-after", "3");
            JsonNode body = JSON.readTree(response.body());
            assertThat(body.path("type").asString()).isEqualTo("error");
            assertThat(body.path("error").path("type").asString()).isEqualTo(type);
            assertThat(body.path("error").path("message").asString()).isNotEmpty();
        }
    }

    @Test
    void goesOnAfterSoManyErrors() throws Exception {
        user(fenced("[{\"error\":529,\"times\":2},{\"error\":500,\"times\":1},{\"text\":\"at last\"}]"));
        assertThat(send(false).status()).isEqualTo(529);
        assertThat(send(false).status()).isEqualTo(529);
        assertThat(send(false).status()).isEqualTo(500);
        assertThat(answer().path("content").path(0).path("text").asString()).isEqualTo("at last");
        user("something else between, so that it is another conversation", fenced("[{\"error\":529,\"times\":1}]"));
        assertThat(send(false).status()).isEqualTo(529);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[{\"tool\":\"Bash\"                  | line 1",
                "{}                                   | array",
                "[5]                                  | step 1",
                "[{\"text\":\"a\"},{}]                | step 2",
                "[{\"tool\":\"Bash\"}]                | step 1: \"input\"",
                "[{\"tool\":\"\",\"input\":{}}]       | \"tool\"",
                "[{\"tool\":\"B\",\"input\":[]}]      | \"input\"",
                "[{\"tool\":\"B\",\"input\":{},\"x\":1}] | \"x\"",
                "[{\"text\":5}]                       | \"text\"",
                "[{\"text\":\"a\",\"chunks\":0}]      | \"chunks\"",
                "[{\"delay_ms\":600001}]              | 600000",
                "[{\"delay_ms\":1.5}]                 | \"delay_ms\"",
                "[{\"error\":418}]                    | 429",
                "[{\"error\":429,\"times\":-1}]       | \"times\"",
                "[]]                                  | line 1",
            })
    void saysWhatIsWrongWithAScript(String script, String hint) throws Exception {
        user(fenced(script));
        UpstreamResponse response = send(true);
        assertThat(response.status()).isEqualTo(400);
        JsonNode error = JSON.readTree(response.body()).path("error");
        assertThat(error.path("type").asString()).isEqualTo("invalid_request_error");
        assertThat(error.path("message").asString()).contains("script").contains(hint);
    }

    @Test
    void saysThatAScriptIsNotClosed() throws Exception {
        user("```script\n[]\n");
        assertThat(body(send(false))).contains("not closed");
    }

    @Test
    void answersOtherRequests() throws Exception {
        UpstreamResponse count = send("/v1/messages/count_tokens", "{\"model\":\"m\",\"messages\":[\"0123456789\"]}");
        assertThat(JSON.readTree(count.body()).path("input_tokens").asLong()).isEqualTo(3);
        assertThat(send("/v1/models", "{}").status()).isEqualTo(404);
        assertThat(send("/v1/messages", "{").status()).isEqualTo(400);
        assertThat(send("/v1/messages", "{\"messages\":[]}").status()).isEqualTo(400);
        assertThat(send("/v1/messages", "{\"model\":\"m\",\"messages\":[]}").status())
                .isEqualTo(400);
        assertThat(send("/v1/messages", "{\"model\":\"m\",\"messages\":[5,{\"role\":\"user\"}]}")
                        .status())
                .isEqualTo(200);
    }

    @Test
    void readsALongUnclosedReminderInLinearTime() {
        String text = "<system-reminder>".repeat(200_000);
        assertThat(Conversation.without(text)).isEqualTo(text);
    }

    @Test
    void cannotBeReadAfterItIsClosed() throws Exception {
        user(fenced("[{\"text\":\"abcd\"}]"));
        UpstreamResponse response = send(true);
        response.close();
        assertThatThrownBy(() -> response.body().readAllBytes()).isInstanceOf(IOException.class);
    }
}
