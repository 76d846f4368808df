package dev.cloister.cli.e2e;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What clients ask of a server, wherever it runs. */
interface Calls {
    URI uri(String path);

    HttpClient http();

    default HttpRequest.Builder request(String token, String path) {
        return HttpRequest.newBuilder(uri(path))
                .header("authorization", "Bearer " + token)
                .timeout(Duration.ofMinutes(2));
    }

    default HttpResponse<String> get(String token, String path) throws IOException, InterruptedException {
        return http().send(request(token, path).GET().build(), BodyHandlers.ofString());
    }

    default HttpResponse<String> send(String method, String token, String path, String body)
            throws IOException, InterruptedException {
        return http().send(
                        request(token, path)
                                .header("content-type", "application/json")
                                .method(method, BodyPublishers.ofString(body))
                                .build(),
                        BodyHandlers.ofString());
    }

    default HttpResponse<String> say(String token, String text) throws IOException, InterruptedException {
        return send("POST", token, "/v1/messages", TestServer.message(text).toString());
    }

    default HttpResponse<String> say(String token, String session, String text)
            throws IOException, InterruptedException {
        return send(
                "POST",
                token,
                "/v1/messages",
                TestServer.message(text).put("session_id", session).toString());
    }

    /** Plays the steps in a new session and returns the tool results, or fails with the server's answer. */
    default JsonNode play(String token, ObjectNode... steps) throws IOException, InterruptedException {
        return TestServer.results(say(token, TestServer.script(steps)));
    }

    /** Runs a shell script in the tenant's sandbox, without the agent. */
    default JsonNode exec(String token, String script) throws IOException, InterruptedException {
        ObjectNode body = TestServer.JSON.createObjectNode();
        body.putArray("command").add("/bin/sh").add("-c").add(script);
        HttpResponse<String> response = send("POST", token, "/v1/exec", body.toString());
        if (response.statusCode() != 200) {
            throw new AssertionError("HTTP " + response.statusCode() + ": " + response.body());
        }
        return TestServer.JSON.readTree(response.body());
    }
}
