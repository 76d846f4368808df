package dev.cloister.core.upstream;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.upstream.ScriptedAnswer.Block;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/**
 * A Messages API inside this process that plays what the user's message tells it to, so that the real agent runs without
 * a model, a key or a network: for demos, tests and load tests. It names itself in every answer's model.
 *
 * <p>A user message may hold a fenced block that begins with a line {@code ```script} and ends with a line {@code ```}:
 * a JSON array of steps. Each tool step is one assistant turn; when all are played, the answer is a JSON array of the
 * tools' results. A message without a script is echoed.
 *
 * <ul>
 *   <li>{@code {"tool":"Bash","input":{…}}}: uses a tool
 *   <li>{@code {"text":"…","chunks":3,"chunk_delay_ms":100}}: speaks before the next tool use or the final answer
 *   <li>{@code {"delay_ms":500}}: waits before the next turn's answer begins
 *   <li>{@code {"error":429,"retry_after":3,"times":2}}: answers the next turn with an error, always or so many times
 * </ul>
 *
 * <p>Thread-safe; holds nothing but a bounded count of errors already given.
 */
public final class ScriptedUpstream implements Upstream {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int COUNTED_FAILURES = 10_000;

    private final Map<String, Integer> failures = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Integer> eldest) {
            return size() > COUNTED_FAILURES;
        }
    };

    @Override
    public String description() {
        return "scripted (plays scripts, no model)";
    }

    @Override
    public UpstreamResponse send(UpstreamRequest request) throws InterruptedException {
        try {
            return switch (request.path()) {
                case "/v1/messages" -> messages(parse(request));
                case "/v1/messages/count_tokens" -> count(parse(request));
                default -> error(404, "the scripted upstream has no " + request.path(), OptionalInt.empty());
            };
        } catch (CloisterException e) {
            return error(400, String.valueOf(e.getMessage()), OptionalInt.empty());
        }
    }

    private static JsonNode parse(UpstreamRequest request) {
        JsonNode body;
        try {
            body = JSON.readTree(request.body());
        } catch (JacksonException e) {
            throw CloisterException.invalid("the body is not valid JSON");
        }
        if (body.path("model").asString("").isEmpty()) {
            throw CloisterException.invalid("\"model\" is missing");
        }
        return body;
    }

    private static UpstreamResponse count(JsonNode body) {
        String answer = JSON.writeValueAsString(JSON.createObjectNode().put("input_tokens", inputTokens(body)));
        return answer(200, "application/json", answer);
    }

    private static long inputTokens(JsonNode body) {
        long messages = body.path("messages").toString().length();
        long system = body.path("system").toString().length();
        return ScriptedAnswer.tokens(messages + system);
    }

    private UpstreamResponse messages(JsonNode body) throws InterruptedException {
        Conversation conversation = Conversation.of(body.path("messages"));
        String key = digest(body.path("messages") + "\n" + body.path("metadata"));
        List<Block> blocks = new ArrayList<>();
        Script script = Script.in(conversation.prompt()).orElse(null);
        if (script == null) {
            blocks.add(new Block.Text(conversation.prompt(), 1, Duration.ZERO));
        } else {
            int last = script.turns().size() - 1;
            Script.Turn turn = script.turns().get(Math.min(conversation.turnsSince(), last));
            for (Step step : turn.before()) {
                switch (step) {
                    case Step.Delay delay -> Thread.sleep(delay.time());
                    case Step.Text text -> blocks.add(new Block.Text(text.text(), text.chunks(), text.pause()));
                    case Step.Failure failure
                    when fails(key, failure) -> {
                        return error(failure.status(), "a scripted error, as the script says", failure.retryAfter());
                    }
                    case Step.Failure passed -> {}
                    case Step.Tool tool -> throw new IllegalStateException("a tool ends its turn: " + tool.name());
                }
            }
            blocks.add(turn.tool()
                    .<Block>map(tool -> new Block.ToolUse("toolu_" + key.substring(0, 24), tool.name(), tool.input()))
                    .orElseGet(() -> new Block.Text(results(conversation), 1, Duration.ZERO)));
        }
        ScriptedAnswer answer = new ScriptedAnswer(
                "msg_" + key.substring(0, 24),
                "scripted/" + body.path("model").asString(""),
                blocks,
                inputTokens(body));
        if (body.path("stream").asBoolean(false)) {
            return new UpstreamResponse(
                    200,
                    Map.of("content-type", "text/event-stream; charset=utf-8", "request-id", requestId(key)),
                    new PacedInputStream(answer.events()));
        }
        return answer(200, "application/json", answer.json());
    }

    private boolean fails(String conversation, Step.Failure failure) {
        if (failure.times().isEmpty()) {
            return true;
        }
        synchronized (failures) {
            int count = failures.merge(conversation + "/" + failure.index(), 1, Integer::sum);
            return count <= failure.times().getAsInt();
        }
    }

    private static String results(Conversation conversation) {
        ArrayNode results = JSON.createArrayNode();
        for (Conversation.ToolOutcome outcome : conversation.outcomes()) {
            results.addObject()
                    .put("tool", outcome.tool())
                    .put("is_error", outcome.isError())
                    .put("content", outcome.content());
        }
        return JSON.writeValueAsString(results);
    }

    private static UpstreamResponse error(int status, String message, OptionalInt retryAfter) {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("content-type", "application/json");
        retryAfter.ifPresent(seconds -> headers.put("retry-after", Integer.toString(seconds)));
        byte[] body = MessagesError.of(status, message).body();
        return new UpstreamResponse(status, headers, new ByteArrayInputStream(body));
    }

    private static UpstreamResponse answer(int status, String contentType, String body) {
        return new UpstreamResponse(
                status,
                Map.of("content-type", contentType, "request-id", requestId(digest(body))),
                new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8)));
    }

    private static String requestId(String digest) {
        return "req_scripted_" + digest.substring(0, 16);
    }

    private static String digest(String text) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(sha.digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Nothing to release: an answer ends when its reader closes it. */
    @Override
    public void close() {}
}
