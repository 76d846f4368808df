package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever ends a turn early, the client, the user or the tenant's own tools, nothing of it runs on. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledIf("isRoot")
class ClientGoneTest {
    /** The issue's figure for a client that went away. */
    private static final Duration WITHIN = Duration.ofSeconds(6);

    private static final Duration GENEROUS = Duration.ofSeconds(60);
    private static final String LOOSE = Processes.sleepLength();
    private static final String APART = Processes.sleepLength();
    private static final String TOOL = Processes.sleepLength();
    private static final String OTHER = Processes.sleepLength();

    private static final List<String> LENGTHS = List.of(LOOSE, APART, TOOL);

    /** Children in the background, out of the tool's process group and out of its session. */
    private static final String CHILDREN = "nohup sleep " + LOOSE + " >/dev/null 2>&1 & setsid sleep " + APART + " & ";

    private static final String SLEEPS = CHILDREN + "sleep " + TOOL;
    private static final String SUPERVISOR = "supervisor=$(awk '/^PPid/{print $2}' /proc/$PPID/status); ";

    private TestServer server;
    private long uid;

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeAll
    void start() throws Exception {
        // Agents that wait for another turn would be in the way of seeing that nothing is left of one.
        server = TestServer.start(Map.of("agent.idle-timeout", "none"));
        uid = Long.parseLong(server.exec("a", "id -u").path("stdout").asString().strip());
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void closedSocket(boolean stream) throws Exception {
        Spoken spoken = spoken();
        Set<Long> turn;
        try (Socket client =
                new Socket(InetAddress.getLoopbackAddress(), server.uri("/").getPort())) {
            byte[] body = sleeping(spoken.session(), stream);
            client.getOutputStream()
                    .write(("POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\r\n"
                                    + "content-type: application/json\r\ncontent-length: " + body.length + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            client.getOutputStream().write(body);
            turn = asleep();
        }

        nothingRuns(turn);
        resumes(spoken);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void killedCurl(boolean stream) throws Exception {
        Spoken spoken = spoken();
        Path body = Files.createTempFile("cloister-e2e", ".json");
        try {
            Files.write(body, sleeping(spoken.session(), stream));
            Process curl = new ProcessBuilder(
                            "curl",
                            "-sN",
                            "-H",
                            "authorization: Bearer a",
                            "-H",
                            "content-type: application/json",
                            "--data-binary",
                            "@" + body,
                            server.uri("/v1/messages").toString())
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            Set<Long> turn;
            try {
                turn = asleep();
            } finally {
                curl.destroyForcibly().waitFor();
            }

            nothingRuns(turn);
        } finally {
            Files.delete(body);
        }
        resumes(spoken);
    }

    @Test
    void interrupted() throws Exception {
        Spoken spoken = spoken();
        CompletableFuture<HttpResponse<String>> answer = turn(spoken.session(), SLEEPS);
        Set<Long> turn = asleep();

        assertThat(server.send("POST", "b", "/v1/sessions/" + spoken.session() + "/interrupt", "")
                        .statusCode())
                .as("by another tenant")
                .isEqualTo(404);
        assertThat(Processes.alive(turn)).isNotEmpty();
        assertThat(server.send("POST", "a", "/v1/sessions/" + spoken.session() + "/interrupt", "")
                        .statusCode())
                .isBetween(200, 299);

        nothingRuns(turn);
        assertThat(answer.get().body()).contains("the turn was cancelled: interrupted");
        resumes(spoken);
    }

    /** Whoever watches over the agent is out of a tool's reach. */
    @Test
    void supervisorUntouched() throws Exception {
        HttpResponse<String> answer = server.say(
                "a",
                TestServer.script(TestServer.bash(SUPERVISOR + CHILDREN
                        + "kill -KILL $supervisor; kill -STOP $supervisor; kill -KILL 1; echo undisturbed")));

        assertThat(TestServer.text(answer)).contains("undisturbed");
        Until.holds(
                "no process of the tenant", WITHIN, () -> Processes.ofUid(uid).isEmpty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"kill -KILL $PPID", "kill -STOP $supervisor; kill -KILL $PPID", "kill -KILL -1"})
    void killedByItsOwnTool(String attack) throws Exception {
        Spoken spoken = spoken();
        CompletableFuture<HttpResponse<String>> answer =
                turn(spoken.session(), SUPERVISOR + CHILDREN + "(sleep " + TOOL + ") & sleep 1; " + attack + "; wait");

        HttpResponse<String> failed = answer.get();
        assertThat(failed.statusCode()).as(failed.body()).isEqualTo(500);
        assertThat(TestServer.JSON
                        .readTree(failed.body())
                        .path("error")
                        .path("message")
                        .asString())
                .contains("the agent ended without a result");
        Until.holds(
                "no process of the tenant", WITHIN, () -> Processes.ofUid(uid).isEmpty());
        resumes(spoken);
    }

    /** What is stopped cannot tidy up, so it is killed; the rest of the tenant's work goes on. */
    @Test
    void stoppedByItsOwnTool() throws Exception {
        Spoken spoken = spoken();
        CompletableFuture<HttpResponse<String>> other =
                turn(spoken().session(), "sleep " + OTHER + "; echo undisturbed");
        Until.holds(
                "the other turn", GENEROUS, () -> !Processes.withArgument(OTHER).isEmpty());
        Set<Long> before = Processes.ofUid(uid);
        CompletableFuture<HttpResponse<String>> stopped =
                turn(spoken.session(), SUPERVISOR + CHILDREN + "kill -STOP $supervisor $PPID; sleep " + TOOL);
        asleep();

        assertThat(server.send("POST", "a", "/v1/sessions/" + spoken.session() + "/interrupt", "")
                        .statusCode())
                .isBetween(200, 299);

        Until.holds("only the other turn is left", WITHIN, () -> before.containsAll(Processes.ofUid(uid)));
        assertThat(stopped.get().body()).contains("the turn was cancelled: interrupted");
        assertThat(other).isNotDone();
        for (long sleep : Processes.withArgument(OTHER)) {
            if (Processes.arguments(sleep).indexOf("sleep") == 0) {
                Processes.kill(sleep);
            }
        }
        assertThat(TestServer.text(other.get())).contains("undisturbed");
        resumes(spoken);
    }

    private record Spoken(String session, long tokens) {}

    private Spoken spoken() throws IOException, InterruptedException {
        HttpResponse<String> first = server.say("a", "remember: " + "lavender ".repeat(2000));
        return new Spoken(TestServer.session(first), inputTokens(first));
    }

    /** The model is sent all that was said before, so an answer to a short message costs more than the long one did. */
    private void resumes(Spoken spoken) throws IOException, InterruptedException {
        assertThat(inputTokens(server.say("a", spoken.session(), "and now?"))).isGreaterThan(spoken.tokens());
    }

    private static long inputTokens(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return TestServer.JSON
                .readTree(answer.body())
                .path("usage")
                .path("input_tokens")
                .asLong();
    }

    private static byte[] sleeping(String session, boolean stream) {
        return TestServer.message(TestServer.script(TestServer.bash(SLEEPS)))
                .put("session_id", session)
                .put("stream", stream)
                .toString()
                .getBytes(StandardCharsets.UTF_8);
    }

    private CompletableFuture<HttpResponse<String>> turn(String session, String command) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return server.say("a", session, TestServer.script(TestServer.bash(command)));
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** Waits until the tool and its children sleep; returns every process of the tenant. */
    private Set<Long> asleep() throws Exception {
        Until.holds("the tool sleeps", GENEROUS, () -> {
            for (String length : LENGTHS) {
                if (Processes.withArgument(length).isEmpty()) {
                    return false;
                }
            }
            return true;
        });
        Set<Long> turn = Processes.ofUid(uid);
        // The agent, its shell and the sleeps.
        assertThat(turn).hasSizeGreaterThanOrEqualTo(5);
        assertThat(Processes.below(ProcessHandle.current().pid())).containsAll(turn);
        return turn;
    }

    private void nothingRuns(Set<Long> turn) throws Exception {
        Until.holds(
                "no process of the turn",
                WITHIN,
                () -> Processes.alive(turn).isEmpty() && Processes.ofUid(uid).isEmpty());
        for (String length : LENGTHS) {
            assertThat(Processes.withArgument(length)).isEmpty();
        }
    }
}
