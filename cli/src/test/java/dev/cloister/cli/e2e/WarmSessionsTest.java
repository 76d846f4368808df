package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The real agent stays between turns, goes when it must, and nobody can tell the difference but by the time it takes. */
@Timeout(240)
class WarmSessionsTest {
    private static final Duration SOON = Duration.ofSeconds(60);

    private RecordingUpstream upstream;
    private @Nullable TestServer running;

    @BeforeEach
    void start() throws Exception {
        upstream = RecordingUpstream.start();
    }

    @AfterEach
    void stop() throws Exception {
        if (running != null) {
            running.close();
        }
        upstream.close();
    }

    /** A server with these options, or this test's server, which goes on with them besides. */
    private TestServer serve(Map<String, String> options) throws Exception {
        if (running == null) {
            Map<String, String> all = new HashMap<>(options);
            all.put("upstream.url", upstream.url());
            running = TestServer.start(all);
        } else {
            running.stop();
            running.startWith(options);
        }
        return running;
    }

    /** The agents that this server started and that live. */
    private Set<Long> agents() throws Exception {
        Set<Long> found = new HashSet<>();
        for (long pid : Processes.below(ProcessHandle.current().pid())) {
            List<String> arguments = Processes.arguments(pid);
            if (!arguments.isEmpty() && arguments.getFirst().equals(TestServer.agent())) {
                found.add(pid);
            }
        }
        return found;
    }

    private long theAgent() throws Exception {
        return agents().stream().findFirst().orElseThrow(() -> new AssertionError("no agent lives"));
    }

    private static double metric(TestServer server, String line) throws Exception {
        Matcher matcher = Pattern.compile("(?m)^" + Pattern.quote(line) + " (\\S+)$")
                .matcher(server.get("a", "/metrics").body());
        return matcher.find() ? Double.parseDouble(matcher.group(1)) : 0;
    }

    private static String texts(HttpResponse<String> answer) {
        return TestServer.text(answer);
    }

    @Test
    void aSessionsTurnsHaveOneAgentAndForgettingItEndsIt() throws Exception {
        TestServer server = serve(Map.of());
        String session = TestServer.session(server.say("a", "the first word"));
        long agent = theAgent();
        for (String text : List.of("second", "third")) {
            assertThat(texts(server.say("a", session, text))).isEqualTo(text);
        }
        assertThat(agents()).containsExactly(agent);
        assertThat(upstream.last().body()).contains("the first word", "second", "third");
        assertThat(metric(server, "agent_starts_total{how=\"kept\"}")).isEqualTo(2);

        assertThat(server.send("DELETE", "a", "/v1/sessions/" + session, "").statusCode())
                .isEqualTo(204);
        assertThat(agents()).isEmpty();
    }

    @Test
    void anAgentThatIsKilledBetweenTurnsIsNotMissed() throws Exception {
        TestServer server = serve(Map.of());
        String session = TestServer.session(server.say("a", "the first word"));
        long agent = theAgent();
        Processes.kill(agent);
        assertThat(texts(server.say("a", session, "second"))).isEqualTo("second");
        assertThat(upstream.last().body()).contains("the first word");
        assertThat(agents()).hasSize(1).doesNotContain(agent);
    }

    @Test
    void anotherModelHasAnotherAgentAndTheSameConversation() throws Exception {
        TestServer server = serve(Map.of());
        String session = TestServer.session(server.say("a", "the first word"));
        long agent = theAgent();
        ObjectNode other =
                TestServer.message("second").put("session_id", session).put("model", "claude-haiku-9");
        assertThat(texts(server.send("POST", "a", "/v1/messages", other.toString())))
                .isEqualTo("second");
        assertThat(upstream.last().body()).contains("the first word", "claude-haiku-9");
        assertThat(agents()).hasSize(1).doesNotContain(agent);
    }

    @Test
    void anAgentThatIsNotUsedEnds() throws Exception {
        TestServer server = serve(Map.of("agent.idle-timeout", "1s"));
        String session = TestServer.session(server.say("a", "the first word"));
        Until.holds("the agent ended", SOON, () -> agents().isEmpty());
        Until.holds("its sandbox is gone too", SOON, () -> metric(server, "workspaces_active") == 0);
        assertThat(texts(server.say("a", session, "second"))).isEqualTo("second");
        assertThat(upstream.last().body()).contains("the first word");
    }

    /** It has the socket and the dummy credential, and nobody who pays. */
    @Test
    void whatATurnLeftRunningCannotCallAModelBetweenTurnsAndEndsWithTheAgent() throws Exception {
        TestServer server = serve(Map.of());
        String call = "python3 -c 'import http.client,os,socket,time\n"
                + "class C(http.client.HTTPConnection):\n"
                + "  def connect(self):\n"
                + "    self.sock=socket.socket(socket.AF_UNIX);self.sock.connect(os.environ[\"ANTHROPIC_UNIX_SOCKET\"])\n"
                + "n=0\n"
                + "while True:\n"
                + "  c=C(\"x\");c.request(\"POST\",\"/v1/messages\",\"{\\\"model\\\":\\\"" + TestServer.MODEL
                + "\\\",\\\"messages\\\":[{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"knock\\\"}]}\")\n"
                + "  r=c.getresponse();n+=1;open(\"heard\",\"w\").write(\"%d %d\"%(n,r.status));time.sleep(0.3)'";
        server.play("a", TestServer.bash("nohup " + call + " >/dev/null 2>&1 & sleep 1"));
        Path heard = server.treeWith("work/heard").resolve("work/heard");
        String during = Files.readString(heard);
        Until.holds("it is refused", SOON, () -> Files.readString(heard).endsWith(" 403"));
        long calls = upstream.seen().stream()
                .filter(seen -> seen.body().contains("knock") && !seen.body().contains("nohup"))
                .count();
        String refused = Files.readString(heard);
        Until.holds("it goes on", SOON, () -> !Files.readString(heard).equals(refused));
        assertThat(during).isNotEmpty();
        assertThat(upstream.seen().stream()
                        .filter(seen ->
                                seen.body().contains("knock") && !seen.body().contains("nohup")))
                .hasSize((int) calls);

        Processes.kill(theAgent());
        Until.holds("all of it is gone", SOON, () -> metric(server, "workspaces_active") == 0);
    }

    @Test
    void aCommandInTheBackgroundEndsWithItsTurn() throws Exception {
        TestServer server = serve(Map.of());
        String length = Processes.sleepLength();
        ObjectNode step = TestServer.bash("sleep " + length);
        ((ObjectNode) step.path("input")).put("run_in_background", true);
        server.play("a", step);
        Until.holds(
                "nothing is left", SOON, () -> Processes.withArgument(length).isEmpty() && agents().isEmpty());
    }

    @Test
    void anOpenedSessionHasItsAgentBeforeItsFirstTurn() throws Exception {
        TestServer server = serve(Map.of("agent.prewarm", "session"));
        HttpResponse<String> opened =
                server.send("POST", "a", "/v1/sessions", "{\"model\":\"" + TestServer.MODEL + "\"}");
        assertThat(opened.statusCode()).as(opened.body()).isEqualTo(201);
        String session = TestServer.JSON.readTree(opened.body()).path("id").asString();
        Until.holds("an agent lives", SOON, () -> agents().size() == 1);
        long agent = theAgent();
        assertThat(texts(server.say("a", session, "hello"))).isEqualTo("hello");
        assertThat(agents()).containsExactly(agent);
    }

    /** A list shows the session to the tenant's other clients before the one that opened it has its answer. */
    @Test
    void aTurnThatComesWhileTheAgentIsStartedAheadWaitsForItAndNoLonger() throws Exception {
        TestServer server = serve(Map.of("agent.prewarm", "session"));
        try (ExecutorService threads = Executors.newCachedThreadPool()) {
            Future<HttpResponse<String>> opened = threads.submit(
                    () -> server.send("POST", "a", "/v1/sessions", "{\"model\":\"" + TestServer.MODEL + "\"}"));
            JsonNode listed = TestServer.JSON.createArrayNode();
            while (listed.isEmpty()) {
                listed = TestServer.JSON
                        .readTree(server.get("a", "/v1/sessions").body())
                        .path("data");
            }
            String session = listed.path(0).path("id").asString();
            assertThat(texts(server.say("a", session, "hello"))).isEqualTo("hello");
            assertThat(opened.get().statusCode()).isEqualTo(201);
            assertThat(agents()).hasSize(1);
        }
    }

    @Test
    void aTenantThatWasSeenHasAnAgentForItsNextSession() throws Exception {
        TestServer server = serve(Map.of("agent.prewarm", "tenant", "models.allowed", TestServer.MODEL));
        server.get("a", "/v1/sessions");
        Until.holds("an agent lives", SOON, () -> agents().size() == 1);
        long agent = theAgent();
        assertThat(texts(server.say("a", "hello"))).isEqualTo("hello");
        assertThat(agents()).contains(agent);
        assertThat(metric(server, "agent_starts_total{how=\"cold\"}")).isZero();
    }

    @Test
    void memoryIsMeasuredAndTheBudgetHolds() throws Exception {
        TestServer server = serve(Map.of());
        server.say("a", "one");
        Until.holds("the agent was measured", SOON, () -> metric(server, "agents_memory_bytes") > 100 << 20);
        double one = metric(server, "agents_memory_bytes");
        long budget = (long) (one * 2.5);
        serve(Map.of("agent.memory-budget", budget + "B"));
        List<String> sessions = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            sessions.add(TestServer.session(server.say("a", "word " + i)));
        }
        // How many that is depends on how much they share.
        assertThat(agents().size()).isBetween(1, 4);
        Until.holds(
                "the budget holds",
                SOON,
                () -> metric(server, "agents_memory_bytes") > one && metric(server, "agents_memory_bytes") <= budget);
        for (String session : sessions) {
            assertThat(texts(server.say("a", session, "again"))).isEqualTo("again");
        }
        assertThat(metric(server, "agent_ends_total{why=\"memory\"}")).isPositive();
    }

    @Test
    void turnsBeyondTheLimitWaitForTheirs() throws Exception {
        TestServer server = serve(Map.of(
                "limits.turns",
                "1",
                "limits.turns-per-tenant",
                "1",
                "limits.queued-turns",
                "8",
                "limits.queued-turns-per-tenant",
                "4",
                "limits.queue-time",
                "2m"));
        List<Callable<String>> turns = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            for (String tenant : List.of("a", "b")) {
                turns.add(() -> texts(server.say(tenant, "hello")));
            }
        }
        try (ExecutorService threads = Executors.newCachedThreadPool()) {
            for (Future<String> answer : threads.invokeAll(turns)) {
                assertThat(answer.get()).isEqualTo("hello");
            }
        }
    }

    @Test
    void nothingIsKeptWhereNothingIsToBe() throws Exception {
        TestServer server = serve(Map.of("agent.idle-timeout", "none"));
        String session = TestServer.session(server.say("a", "one"));
        Until.holds("the agent ended", SOON, () -> agents().isEmpty());
        JsonNode sessions = TestServer.JSON.readTree(
                server.get("a", "/v1/sessions/" + session).body());
        assertThat(sessions.path("turns").asInt()).isEqualTo(1);
    }
}
