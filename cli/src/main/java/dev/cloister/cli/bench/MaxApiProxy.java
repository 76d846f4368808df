package dev.cloister.cli.bench;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * claude-max-api-proxy: OpenAI's chat completions in front of a process of the agent's program for each request. It sends a
 * comment at once and nothing of the model's before the first text, so that is its first event.
 */
record MaxApiProxy(TurnClient client, URI completions) implements TurnWay {
    static final String NAME = "claude-max-api-proxy";

    static MaxApiProxy start(Peers peers, TurnClient client) throws IOException, InterruptedException {
        int port = Peers.freePort();
        List<String> command = List.of(
                "node",
                peers.program("claude-max-api-proxy/dist/server/standalone.js").toString(),
                Integer.toString(port));
        URI base = peers.start(NAME, port, command, Map.of(), "/health").base();
        return new MaxApiProxy(client, base.resolve("/v1/chat/completions"));
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public TurnTime turn(String message) throws IOException, InterruptedException {
        ObjectNode body =
                JsonMapper.shared().createObjectNode().put("model", "sonnet").put("stream", true);
        body.putArray("messages").addObject().put("role", "user").put("content", message);
        return client.turn(completions, body, MaxApiProxy::text).time();
    }

    private static Optional<String> text(JsonNode chunk) {
        JsonNode content = chunk.path("choices").path(0).path("delta").path("content");
        return content.isString() ? Optional.of(content.asString()) : Optional.empty();
    }
}
