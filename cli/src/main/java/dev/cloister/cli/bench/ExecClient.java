package dev.cloister.cli.bench;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** One tenant's commands, over HTTP as any client's. Thread-safe. */
final class ExecClient implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI exec;
    private final String token;

    ExecClient(URI server, String token) {
        this.exec = server.resolve("/v1/exec");
        this.token = token;
    }

    private HttpRequest request(ObjectNode body) {
        return HttpRequest.newBuilder(exec)
                .header("authorization", "Bearer " + token)
                .header("content-type", "application/json")
                .timeout(PATIENCE)
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
    }

    /**
     * Runs a command that has to succeed.
     *
     * @return milliseconds from the request to its whole answer
     */
    double time(ObjectNode body) throws IOException {
        long began = System.nanoTime();
        HttpURLConnection connection = Post.send(exec, token, body, PATIENCE);
        int status = connection.getResponseCode();
        String answer = Post.answer(connection);
        double milliseconds = (System.nanoTime() - began) / 1e6;
        if (status != 200
                || JsonMapper.shared().readTree(answer).path("exit_code").asInt(-1) != 0) {
            throw new IOException("HTTP " + status + ": " + answer);
        }
        return milliseconds;
    }

    /** Runs a command that has to succeed, and returns what it printed. */
    String output(ObjectNode body) throws IOException, InterruptedException {
        HttpResponse<String> answer = http.send(request(body), BodyHandlers.ofString());
        JsonNode result = answer.statusCode() == 200 ? JsonMapper.shared().readTree(answer.body()) : null;
        if (result == null || result.path("exit_code").asInt(-1) != 0) {
            throw new IOException("HTTP " + answer.statusCode() + ": " + answer.body());
        }
        return result.path("stdout").asString();
    }

    /**
     * Runs a command whatever comes of it. A thread that is interrupted meanwhile closes the connection, which ends the
     * command.
     *
     * @return the answer's HTTP status
     */
    int run(ObjectNode body) throws IOException, InterruptedException {
        return http.send(request(body), BodyHandlers.discarding()).statusCode();
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
