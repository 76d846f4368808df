package dev.cloister.cli.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Asks servers for turns and reads the server-sent events that come back. Thread-safe. */
final class TurnClient implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final String DATA = "data: {";

    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
    private final String token;

    TurnClient(String token) {
        this.token = token;
    }

    /** The text that an event of the Messages API adds to the answer; mostly empty. */
    static String text(JsonNode event) {
        return event.path("delta").path("text").asString("");
    }

    private HttpRequest.Builder request(URI uri) {
        return HttpRequest.newBuilder(uri)
                .header("authorization", "Bearer " + token)
                .header("content-type", "application/json")
                .timeout(PATIENCE);
    }

    /** A call whose answer is one JSON object, or nothing, and has to be a success. */
    JsonNode call(String method, URI uri, Optional<ObjectNode> body) throws IOException, InterruptedException {
        HttpResponse<String> answer = send(method, uri, body);
        if (answer.statusCode() / 100 != 2) {
            throw new IOException(failure(answer.statusCode(), answer.body()));
        }
        return answer.body().isEmpty()
                ? JsonMapper.shared().createObjectNode()
                : JsonMapper.shared().readTree(answer.body());
    }

    /** A call whatever comes of it. */
    HttpResponse<String> send(String method, URI uri, Optional<ObjectNode> body)
            throws IOException, InterruptedException {
        return http.send(build(method, uri, body), BodyHandlers.ofString());
    }

    private HttpRequest build(String method, URI uri, Optional<ObjectNode> body) {
        return request(uri)
                .method(
                        method,
                        body.map(json -> BodyPublishers.ofString(json.toString()))
                                .orElseGet(BodyPublishers::noBody))
                .build();
    }

    /** The same for a call that may not be answered for long. */
    CompletableFuture<HttpResponse<String>> sendAside(String method, URI uri, Optional<ObjectNode> body) {
        return http.sendAsync(build(method, uri, body), BodyHandlers.ofString());
    }

    /** Server-sent events that somebody else's calls cause. The caller closes them. */
    BufferedReader events(URI uri) throws IOException, InterruptedException {
        HttpRequest request = request(uri).header("accept", "text/event-stream").build();
        HttpResponse<InputStream> response = http.send(request, BodyHandlers.ofInputStream());
        if (response.statusCode() != 200) {
            try (InputStream in = response.body()) {
                throw new IOException(
                        failure(response.statusCode(), new String(in.readAllBytes(), StandardCharsets.UTF_8)));
            }
        }
        return new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
    }

    /** What came back of a turn, and the header that names its session; empty if there is none. */
    record Streamed(TurnTime time, String session) {}

    /**
     * Posts a message and reads the events to their end.
     *
     * @param text what an event adds to the answer; empty: it is no event of the model
     */
    Streamed turn(URI uri, ObjectNode body, Function<JsonNode, Optional<String>> text)
            throws IOException, InterruptedException {
        TurnTime.Watch watch = new TurnTime.Watch(System.nanoTime());
        HttpURLConnection connection = Post.send(uri, token, body, PATIENCE);
        int status = connection.getResponseCode();
        if (status != 200) {
            throw new IOException(failure(status, Post.answer(connection)));
        }
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                long at = System.nanoTime();
                Optional<JsonNode> event = event(line);
                if (event.isPresent() && event.get().has("error")) {
                    throw new IOException("the turn failed: " + event.get());
                }
                event.flatMap(text).ifPresent(more -> watch.event(at, more));
            }
        }
        return new Streamed(
                watch.end(),
                Optional.ofNullable(connection.getHeaderField("cloister-session"))
                        .orElse(""));
    }

    /** The event that a line of a stream holds. */
    static Optional<JsonNode> event(String line) {
        return line.startsWith(DATA)
                ? Optional.of(JsonMapper.shared().readTree(line.substring(DATA.length() - 1)))
                : Optional.empty();
    }

    private static String failure(int status, String body) {
        return "HTTP " + status + ": " + body;
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
