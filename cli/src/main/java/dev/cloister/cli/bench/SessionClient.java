package dev.cloister.cli.bench;

import dev.cloister.cli.demo.Client;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Requests of any tenants, as their programs would make them. Thread-safe. Closing it breaks off what is under way. */
final class SessionClient implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int MOST_SHOWN = 300;

    /** With these the server says that it would not begin, and that the same may go well later. */
    private static final Set<String> REFUSALS = Set.of("conflict_error", "rate_limit_error", "overloaded_error");

    /**
     * What became of a turn.
     *
     * @param session empty if the server named none
     * @param text what the agent said
     * @param type of the error; empty for an answer that is whole
     * @param error for people; empty for an answer that is whole
     * @param firstByte milliseconds until the answer's first event, or its head
     */
    record Answer(int status, String session, String text, String type, String error, double firstByte) {
        boolean isWhole() {
            return type.isEmpty();
        }

        boolean isRefused() {
            return REFUSALS.contains(type);
        }

        boolean isCancelled() {
            return error.contains("the turn was cancelled");
        }
    }

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI server;

    SessionClient(URI server) {
        this.server = server;
    }

    /** @param session the one to go on with; empty for a new one */
    static ObjectNode message(String session, String text, boolean streamed) {
        ObjectNode body = JsonMapper.shared()
                .createObjectNode()
                .put("model", Client.MODEL)
                .put("max_tokens", 1024);
        body.putArray("messages").addObject().put("role", "user").put("content", text);
        if (!session.isEmpty()) {
            body.put("session_id", session);
        }
        return body.put("stream", streamed);
    }

    /** No body. */
    static ObjectNode nothing() {
        return JsonMapper.shared().createObjectNode();
    }

    private HttpRequest request(String method, String token, String path, ObjectNode body) {
        return HttpRequest.newBuilder(server.resolve(path))
                .header("authorization", "Bearer " + token)
                .header("content-type", "application/json")
                .timeout(PATIENCE)
                .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body.toString()))
                .build();
    }

    /** @param body an empty object for none */
    HttpResponse<String> send(String method, String token, String path, ObjectNode body)
            throws IOException, InterruptedException {
        return http.send(request(method, token, path, body), BodyHandlers.ofString());
    }

    /** Sends a message, and waits for the end of what comes back. */
    Answer turn(String token, ObjectNode message) throws IOException, InterruptedException {
        long began = System.nanoTime();
        HttpResponse<InputStream> response =
                http.send(request("POST", token, "/v1/messages", message), BodyHandlers.ofInputStream());
        double head = since(began);
        String session = response.headers().firstValue("cloister-session").orElse("");
        try (InputStream body = response.body()) {
            if (response.statusCode() == 200 && message.path("stream").asBoolean()) {
                return streamed(session, body, began);
            }
            return whole(response, session, new String(body.readAllBytes(), StandardCharsets.UTF_8), head);
        }
    }

    private static double since(long began) {
        return (System.nanoTime() - began) / 1e6;
    }

    private static Answer whole(HttpResponse<InputStream> response, String session, String body, double head) {
        if (response.statusCode() != 200) {
            return failed(response.statusCode(), session, body, head);
        }
        StringBuilder text = new StringBuilder();
        for (JsonNode block : JsonMapper.shared().readTree(body).path("content")) {
            text.append(block.path("text").asString(""));
        }
        return new Answer(200, session, text.toString(), "", "", head);
    }

    private static Answer failed(int status, String session, String body, double head) {
        JsonNode all;
        try {
            all = JsonMapper.shared().readTree(body);
        } catch (JacksonException e) {
            all = JsonMapper.shared().createObjectNode();
        }
        String shown = body.substring(0, Math.min(body.length(), MOST_SHOWN));
        return new Answer(
                status,
                session,
                "",
                all.path("error").path("type").asString("none"),
                "HTTP " + status + " " + shown,
                head);
    }

    private static Answer streamed(String session, InputStream body, long began) throws IOException {
        StringBuilder text = new StringBuilder();
        double first = 0;
        boolean whole = false;
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (!line.startsWith("data:")) {
                    continue;
                }
                first = first == 0 ? since(began) : first;
                String data = line.substring("data:".length());
                JsonNode event = JsonMapper.shared().readTree(data);
                switch (event.path("type").asString("")) {
                    case "content_block_delta" ->
                        text.append(event.path("delta").path("text").asString(""));
                    case "message_stop" -> whole = true;
                    case "error" -> {
                        return failed(200, session, data, first);
                    }
                    default -> {}
                }
            }
        }
        return whole
                ? new Answer(200, session, text.toString(), "", "", first)
                : new Answer(200, session, text.toString(), "cut", "the stream ended without message_stop", first);
    }

    /**
     * Sends a request, and closes the connection after a while, whatever has come by then.
     *
     * @return the status of the answer; 0 if there was none yet
     */
    int abandon(String token, String path, ObjectNode body, Duration after) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + after.toNanos();
        CompletableFuture<HttpResponse<InputStream>> answer =
                http.sendAsync(request("POST", token, path, body), BodyHandlers.ofInputStream());
        try {
            HttpResponse<InputStream> response = answer.get(after.toMillis(), TimeUnit.MILLISECONDS);
            Pause.ofNanos(deadline - System.nanoTime());
            response.body().close();
            return response.statusCode();
        } catch (TimeoutException e) {
            answer.cancel(true);
            return 0;
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        }
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
