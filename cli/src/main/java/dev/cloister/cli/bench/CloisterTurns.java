package dev.cloister.cli.bench;

import dev.cloister.cli.demo.Client;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** One tenant's turns on a server. For one thread. */
final class CloisterTurns implements AutoCloseable {
    private static final int CONFLICT = 409;
    private static final long STEP_MS = 10;

    private final OwnServer server;
    private final TurnClient client;

    CloisterTurns(OwnServer server, String tenant) {
        this.server = server;
        this.client = new TurnClient(tenant);
    }

    /** Opens a session that knows its model, so that the server can start its agent. */
    String open() throws IOException, InterruptedException {
        ObjectNode body = JsonMapper.shared().createObjectNode().put("model", Client.MODEL);
        return client.call("POST", server.uri().resolve("/v1/sessions"), Optional.of(body))
                .path("id")
                .asString();
    }

    /** @param session empty: a new one */
    TurnClient.Streamed turn(Optional<String> session, String message) throws IOException, InterruptedException {
        ObjectNode body = JsonMapper.shared()
                .createObjectNode()
                .put("model", Client.MODEL)
                .put("max_tokens", 1024)
                .put("stream", true);
        session.ifPresent(id -> body.put("session_id", id));
        body.putArray("messages").addObject().put("role", "user").put("content", message);
        return client.turn(server.uri().resolve("/v1/messages"), body, CloisterTurns::text);
    }

    /** The server's own events are not the model's. */
    private static Optional<String> text(JsonNode event) {
        String type = event.path("type").asString("");
        return type.startsWith("message_") || type.startsWith("content_block_")
                ? Optional.of(TurnClient.text(event))
                : Optional.empty();
    }

    /** Deletes a session and returns when its agent has ended. */
    void delete(String session) throws IOException, InterruptedException {
        while (true) {
            HttpResponse<String> answer =
                    client.send("DELETE", server.uri().resolve("/v1/sessions/" + session), Optional.empty());
            if (answer.statusCode() / 100 == 2) {
                return;
            }
            // Its last event goes out a moment before the turn is over.
            if (answer.statusCode() != CONFLICT) {
                throw new IOException("HTTP " + answer.statusCode() + ": " + answer.body());
            }
            Thread.sleep(STEP_MS);
        }
    }

    /** The first turn of a session that nobody opened before, for a tenant of whom nothing runs. */
    TurnWay cold() {
        return new TurnWay() {
            private String session = "";

            @Override
            public String name() {
                return "cloister cold";
            }

            @Override
            public TurnTime turn(String message) throws IOException, InterruptedException {
                TurnClient.Streamed streamed = CloisterTurns.this.turn(Optional.empty(), message);
                session = streamed.session();
                return streamed.time();
            }

            @Override
            public void done() throws IOException, InterruptedException {
                delete(session);
            }
        };
    }

    /** The first turn of a session that was opened a while before. */
    TurnWay prewarmed() {
        return new TurnWay() {
            private String session = "";

            @Override
            public String name() {
                return "cloister prewarmed";
            }

            @Override
            public void prepare() throws IOException, InterruptedException {
                session = open();
            }

            @Override
            public TurnTime turn(String message) throws IOException, InterruptedException {
                return CloisterTurns.this.turn(Optional.of(session), message).time();
            }

            @Override
            public void done() throws IOException, InterruptedException {
                delete(session);
            }
        };
    }

    /** A later turn of a session whose agent was kept. */
    TurnWay warm() throws IOException, InterruptedException {
        String session = open();
        turn(Optional.of(session), "first");
        return new TurnWay() {
            @Override
            public String name() {
                return "cloister warm";
            }

            @Override
            public TurnTime turn(String message) throws IOException, InterruptedException {
                return CloisterTurns.this.turn(Optional.of(session), message).time();
            }
        };
    }

    @Override
    public void close() {
        client.close();
    }
}
