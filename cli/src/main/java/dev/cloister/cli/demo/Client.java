package dev.cloister.cli.demo;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** One tenant's side of the API. */
public final class Client implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    public static final String MODEL = "claude-sonnet-5";

    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
    private final URI base;
    private final String token;

    public Client(URI base, String token) {
        this.base = base;
        this.token = token;
    }

    /** @param body as it came */
    public record Answer(int status, JsonNode body, String session) {
        public String error() {
            return body.path("error").path("message").asString("");
        }
    }

    /** A tool step for the scripted upstream. */
    static ObjectNode bash(String command) {
        ObjectNode step = JSON.createObjectNode().put("tool", "Bash");
        step.putObject("input").put("command", command).put("description", "demo");
        return step;
    }

    static ObjectNode read(String path) {
        ObjectNode step = JSON.createObjectNode().put("tool", "Read");
        step.putObject("input").put("file_path", path);
        return step;
    }

    static ObjectNode write(String path, String content) {
        ObjectNode step = JSON.createObjectNode().put("tool", "Write");
        step.putObject("input").put("file_path", path).put("content", content);
        return step;
    }

    /** A turn of the agent that plays the steps. */
    Answer turn(ObjectNode... steps) throws IOException, InterruptedException {
        return message(script(steps));
    }

    public Answer message(String text) throws IOException, InterruptedException {
        return answer(http.send(post("/v1/messages", messageBody(text)), BodyHandlers.ofString()));
    }

    /** The same without waiting for it. */
    CompletableFuture<Answer> turnAside(ObjectNode... steps) {
        return http.sendAsync(post("/v1/messages", messageBody(script(steps))), BodyHandlers.ofString())
                .thenApply(Client::answer);
    }

    private static String script(ObjectNode... steps) {
        ArrayNode array = JSON.createArrayNode().addAll(Arrays.asList(steps));
        return "```script\n" + array + "\n```";
    }

    private static ObjectNode messageBody(String text) {
        ObjectNode body = JSON.createObjectNode().put("model", MODEL).put("max_tokens", 1024);
        body.putArray("messages").addObject().put("role", "user").put("content", text);
        return body;
    }

    /** A command in the tenant's sandbox, without the agent; its standard output. */
    public String exec(String script) throws IOException, InterruptedException {
        return exec(List.of("/bin/sh", "-c", script), Map.of());
    }

    public String exec(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        Answer answer = answer(http.send(post("/v1/exec", command(command, environment)), BodyHandlers.ofString()));
        return answer.status() == 200 ? answer.body().path("stdout").asString("") : answer.error();
    }

    /** The same with its output as it comes, as server-sent events; closing it ends the command. */
    public InputStream execStream(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        ObjectNode body = command(command, environment).put("stream", true);
        HttpResponse<InputStream> response = http.send(post("/v1/exec", body), BodyHandlers.ofInputStream());
        if (response.statusCode() != 200) {
            try (InputStream error = response.body()) {
                throw new IOException(new String(error.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        return response.body();
    }

    /** The body of {@code POST /v1/exec}. */
    public static ObjectNode command(List<String> command, Map<String, String> environment) {
        ObjectNode body = JSON.createObjectNode();
        ArrayNode words = body.putArray("command");
        command.forEach(words::add);
        ObjectNode variables = body.putObject("env");
        environment.forEach(variables::put);
        return body;
    }

    Answer interrupt(String session) throws IOException, InterruptedException {
        return answer(http.send(
                post("/v1/sessions/" + session + "/interrupt", JSON.createObjectNode()), BodyHandlers.ofString()));
    }

    /** A file by the files API: its content, or the error. */
    String file(String path) throws IOException, InterruptedException {
        return http.send(request("/v1/files/" + path).GET().build(), BodyHandlers.ofString())
                .body();
    }

    private HttpRequest post(String path, ObjectNode body) {
        return request(path)
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(base.resolve(path))
                .header("authorization", "Bearer " + token)
                .timeout(Duration.ofMinutes(3));
    }

    private static Answer answer(HttpResponse<String> response) {
        return new Answer(
                response.statusCode(),
                JSON.readTree(response.body()),
                response.headers().firstValue("cloister-session").orElse(""));
    }

    @Override
    public void close() {
        http.close();
    }
}
