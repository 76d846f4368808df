package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.store.Store;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What operators see: figures that move with what happens, and lines that say what happened but not what was said. */
class MetricsAndLogsTest {
    private static final Duration GENEROUS = Duration.ofSeconds(60);

    private static String reading(TestServer server) {
        return "isolation_violations_total{guarantee=\"FILES_OF_OTHERS_UNREADABLE\",mode=\""
                + server.mode().id() + "\"}";
    }

    @Test
    void metricsFollowWhatHappens() throws Exception {
        try (TestServer server = TestServer.start(Map.of("agent.idle-timeout", "none"))) {
            metricsFollowWhatHappens(server);
        }
    }

    private static void metricsFollowWhatHappens(TestServer server) throws Exception {
        assertThat(metric(server, "workspaces_active")).isZero();
        String length = Processes.sleepLength();
        CompletableFuture<HttpResponse<String>> turn = server.http()
                .sendAsync(
                        server.request("a", "/v1/messages")
                                .header("content-type", "application/json")
                                .POST(BodyPublishers.ofString(
                                        TestServer.message(TestServer.script(TestServer.bash("sleep " + length)))
                                                .toString()))
                                .build(),
                        BodyHandlers.ofString());
        Until.holds(
                "the turn sleeps",
                GENEROUS,
                () -> !Processes.withArgument(length).isEmpty());
        assertThat(metric(server, "workspaces_active")).isEqualTo(1);
        assertThat(metric(server, "turns_active")).isEqualTo(1);
        assertThat(metric(server, "broker_sockets_open")).isEqualTo(1);
        for (long sleep : Processes.withArgument(length)) {
            if (Processes.arguments(sleep).indexOf("sleep") == 0) {
                Processes.kill(sleep);
            }
        }
        assertThat(turn.get().statusCode()).isEqualTo(200);
        for (String gauge : List.of("workspaces_active", "turns_active", "broker_sockets_open")) {
            Until.holds(gauge + " is 0", GENEROUS, () -> metric(server, gauge) == 0);
        }
        assertThat(metric(server, "turn_duration_seconds_count{outcome=\"completed\"}"))
                .isEqualTo(1);
        assertThat(metric(server, "turn_first_event_seconds_count")).isEqualTo(1);
        assertThat(metric(server, "tokens_total{kind=\"input\"}")).isPositive();
        assertThat(metric(server, "tokens_total{kind=\"output\"}")).isPositive();

        assertThat(metric(server, reading(server))).isZero();
        HttpResponse<String> upwards = server.get("a", "/v1/files/x%2F..%2F..%2Fetc%2Fpasswd");
        assertThat(upwards.statusCode()).isBetween(400, 499);
        assertThat(metric(server, reading(server))).isEqualTo(1);

        server.send("PUT", "a", "/v1/files/marker", "");
        Path work = server.treeWith("work/marker").resolve("work");
        Files.setPosixFilePermissions(work, PosixFilePermissions.fromString("rwxr-xr-x"));
        HttpResponse<String> refused = server.get("a", "/v1/files/");
        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(refused.body()).contains("has mode 0755 instead of 0700").contains("chmod 00700 " + work);
        assertThat(metric(server, reading(server))).isEqualTo(2);
        assertThat(server.say("a", "hello").statusCode()).isEqualTo(503);
        assertThat(metric(server, reading(server))).isGreaterThanOrEqualTo(3);
        assertThat(server.say("b", "hello").statusCode()).as("another tenant").isEqualTo(200);
        Files.setPosixFilePermissions(work, PosixFilePermissions.fromString("rwx------"));
        assertThat(server.get("a", "/v1/files/").statusCode()).as("mended").isEqualTo(200);

        try (Store store = DataDirectory.open(server.data()).store()) {
            assertThat(store.audit(0, 500).stream()
                            .filter(entry -> entry.action().equals("violation"))
                            .toList())
                    .hasSizeGreaterThanOrEqualTo(3)
                    .allSatisfy(entry -> assertThat(entry.detail()).contains("FILES_OF_OTHERS_UNREADABLE"));
        }
    }

    @Test
    void linesNameTheRequestAndNothingThatWasSaid() throws Exception {
        Path directory = ServerProcess.directory();
        // The most talkative there is: what must not be logged must not be logged there either.
        Map<String, String> options = Map.of("log.format", "json", "log.level", "debug");
        try (ServerProcess server = ServerProcess.start(CommandProcess.here(directory), directory, options)) {
            linesNameTheRequestAndNothingThatWasSaid(server);
        } finally {
            ServerProcess.remove(directory);
        }
    }

    private static void linesNameTheRequestAndNothingThatWasSaid(ServerProcess server) throws Exception {
        List<String> secrets = List.of(
                "TokenMarkQ7X",
                "PromptMarkQ7X",
                "CommandMarkQ7X",
                "OutputMarkQ7X",
                "ContentMarkQ7X",
                "NameMarkQ7X",
                "SystemMarkQ7X",
                "StdinMarkQ7X",
                "VariableMarkQ7X",
                "BrokenMarkQ7X",
                "QueryMarkQ7X");
        String token = "TokenMarkQ7X";
        List<HttpResponse<String>> answers = new ArrayList<>();
        ObjectNode spoken = TestServer.message("PromptMarkQ7X\n"
                + TestServer.script(
                        TestServer.bash("echo CommandMarkQ7X $((1)) | sed s/Command/Output/"),
                        TestServer.write("/etc/NameMarkQ7X", "ContentMarkQ7X"),
                        TestServer.read("/etc/NameMarkQ7X")));
        answers.add(server.send(
                "POST",
                token,
                "/v1/messages",
                spoken.put("system", "SystemMarkQ7X").toString()));
        answers.add(server.send("POST", token, "/v1/messages", "{\"BrokenMarkQ7X"));
        answers.add(server.send("POST", token, "/v1/messages", "{\"BrokenMarkQ7X\":1,\"messages\":7}"));
        answers.add(server.say(token, TestServer.script(TestServer.bash("kill -KILL $PPID; echo CommandMarkQ7X"))));
        answers.add(server.say(token, "PromptMarkQ7X\n```script\n[{\"error\":500}]\n```"));
        answers.add(server.say(token, "BrokenMarkQ7X", "PromptMarkQ7X"));
        answers.add(server.send("PUT", token, "/v1/files/NameMarkQ7X", "ContentMarkQ7X"));
        answers.add(server.get(token, "/v1/files/NameMarkQ7X/../..?QueryMarkQ7X=1"));
        answers.add(server.get(token, "/v1/files/none-NameMarkQ7X"));
        answers.add(server.get(token, "/NameMarkQ7X?QueryMarkQ7X"));
        answers.add(server.send(
                "POST",
                token,
                "/v1/exec",
                "{\"command\":[\"/bin/sh\",\"-c\",\"cat; echo $V CommandMarkQ7X >&2; exit 3\"],\"stdin\":\"StdinMarkQ7X\","
                        + "\"env\":{\"V\":\"VariableMarkQ7X\"}}"));
        answers.add(server.send("POST", token, "/v1/exec", "{\"command\":[\"CommandMarkQ7X\"]}"));
        answers.add(server.send("POST", token, "/v1/exec", "{\"command\":[\"true\"],\"cwd\":\"NameMarkQ7X/no\"}"));
        assertThat(answers.getFirst().statusCode())
                .as(answers.getFirst().body())
                .isEqualTo(200);
        assertThat(TestServer.text(answers.getFirst())).contains("OutputMarkQ7X");
        assertThat(server.terminate(GENEROUS)).isEqualTo(143);

        String everything = server.out() + server.err();
        for (String secret : secrets) {
            assertThat(everything).doesNotContain(secret);
        }
        Set<String> named = new HashSet<>();
        for (String line : server.err().lines().toList()) {
            JsonNode entry = TestServer.JSON.readTree(line);
            assertThat(entry.path("level").asString()).as(line).isNotEmpty();
            if (entry.path("loggerName").asString().equals("dev.cloister.access")) {
                String id = entry.path("mdc").path("request_id").asString();
                assertThat(id).as(line).startsWith("req_");
                assertThat(named.add(id)).as("one line for each request").isTrue();
            }
        }
        for (HttpResponse<String> answer : answers) {
            assertThat(named).contains(answer.headers().firstValue("request-id").orElseThrow());
        }
    }

    /** A sample's value; 0 if there is none yet. */
    private static double metric(Calls server, String sample) throws IOException, InterruptedException {
        return server.get("a", "/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(sample + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(sample.length() + 1)))
                .sum();
    }
}
