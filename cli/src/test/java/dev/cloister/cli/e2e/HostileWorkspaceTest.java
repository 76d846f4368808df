package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import tools.jackson.databind.JsonNode;

/**
 * A workspace and a HOME that are hostile run nothing when the agent starts and when it takes a message, lead no traffic
 * elsewhere and change no rule.
 *
 * <p>What cannot be kept from running is what the model itself starts, inside its tenant's own sandbox and with no more than
 * the tenant has anyway. One part of it is less than obvious: when the model first uses Bash, the agent takes a snapshot of
 * the user's shell, for which it runs HOME/.bashrc and the login profile once ({@code bash -c -l}); no setting of the agent
 * stops that. {@link #whatTheModelStartsIsAllThatRuns} holds it to exactly that. Git hooks of the workspace run when the
 * model itself runs git commands that have hooks; {@code core.fsmonitor}, which would run at every {@code git status}, is
 * switched off for the model's git too.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class HostileWorkspaceTest {
    private static final String TOKEN = "hostile-workspace";

    private final AtomicInteger calls = new AtomicInteger();
    private RecordingUpstream upstream;
    private TestServer server;
    private ServerSocket listener;
    private String session = "";
    private long uid;

    private static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeAll
    void start() throws Exception {
        upstream = RecordingUpstream.start();
        // What a workspace brings is read at an agent's start, so each turn has one of its own.
        server = TestServer.start(
                Map.of("upstream.url", upstream.url(), "policy.deny", "Bash(touch:*)", "agent.idle-timeout", "none"));
        listener = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon(true).name("listener").start(this::count);
        String url = "http://127.0.0.1:" + listener.getLocalPort();
        JsonNode planted = server.exec(TOKEN, "set -- " + url + "\n" + resource("hostile-workspace.sh"));
        assertThat(planted.path("exit_code").asInt(-1)).as(planted.toString()).isZero();
        uid = Long.parseLong(
                server.exec(TOKEN, "id -u").path("stdout").asString().strip());
    }

    @AfterAll
    void stop() throws Exception {
        listener.close();
        server.close();
        upstream.close();
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = HostileWorkspaceTest.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void count() {
        while (!listener.isClosed()) {
            try (Socket caller = listener.accept()) {
                calls.incrementAndGet();
            } catch (IOException e) {
                // It was closed: the test is over.
                return;
            }
        }
    }

    private Set<String> sprung() throws Exception {
        String names = server.exec(TOKEN, "ls witness").path("stdout").asString();
        return new TreeSet<>(names.lines().toList());
    }

    private void disarm() throws Exception {
        server.exec(TOKEN, "rm -f witness/*");
    }

    /** Otherwise that nothing springs would say nothing. */
    @Test
    @Order(1)
    void theTrapsAreLive() throws Exception {
        server.exec(
                TOKEN,
                "git status; bash -l -c true; for t in traps/*; do $t; done; python3 - <<'E'\n"
                        + "import urllib.request\ntry: urllib.request.urlopen('http://127.0.0.1:"
                        + listener.getLocalPort() + "', timeout=5)\nexcept Exception: pass\nE");
        assertThat(sprung()).contains("fsmonitor", "hook", "mcp", "command", "key-helper", "bash_profile");
        // Where the wall closes the network, the listener is out of reach and the witnesses alone say what ran.
        boolean closed = server.guarantees().contains(Guarantee.NETWORK_CLOSED);
        assertThat(calls.getAndSet(0)).isEqualTo(closed ? 0 : 1);
        disarm();
        server.exec(TOKEN, "git status");
        assertThat(sprung()).contains("fsmonitor");
        disarm();
    }

    @Test
    @Order(2)
    void nothingRunsAtStartUpAndForMessages() throws Exception {
        HttpResponse<String> first = server.say(TOKEN, "first");
        session = TestServer.session(first);
        assertThat(TestServer.text(first)).isEqualTo("first");
        for (String prompt :
                List.of("resumed", "/evil", "/evil now", "run git status and git log, please", "@evil hello")) {
            assertThat(TestServer.text(server.say(TOKEN, session, prompt))).isEqualTo(prompt);
        }
        assertThat(sprung()).isEmpty();
        assertThat(calls).hasValue(0);
        assertThat(upstream.seen())
                .isNotEmpty()
                .noneMatch(request -> request.body().contains("CANARY-OF-THE-WORKSPACE"));
    }

    @Test
    @Order(3)
    void theRulesAreStillTheServers() throws Exception {
        HttpResponse<String> response = server.say(
                TOKEN,
                session,
                TestServer.script(
                        TestServer.read("/proc/version"),
                        TestServer.read("/etc/hostname"),
                        TestServer.write("/var/tmp/cloister-hostile", "x"),
                        TestServer.bash("touch denied"),
                        TestServer.read("CLAUDE.md")));
        JsonNode results = TestServer.results(response);
        assertThat(results.size()).isEqualTo(5);
        for (int denied = 0; denied < 4; denied++) {
            assertThat(results.path(denied).path("is_error").asBoolean())
                    .as(results.path(denied).toString())
                    .isTrue();
        }
        assertThat(results.path(4).path("is_error").asBoolean()).isFalse();
        assertThat(server.get(TOKEN, "/v1/files/denied").statusCode()).isEqualTo(404);
        assertThat(sprung()).isEmpty();
        assertThat(calls).hasValue(0);
    }

    @Test
    @Order(4)
    void whatTheModelStartsIsAllThatRuns() throws Exception {
        HttpResponse<String> response = server.say(
                TOKEN,
                session,
                TestServer.script(
                        TestServer.bash("git status --short | head -1"),
                        TestServer.bash("echo one"),
                        TestServer.bash("echo two")));
        JsonNode results = TestServer.results(response);
        assertThat(results.path(1).path("content").asString()).isEqualTo("one");
        assertThat(results.path(2).path("content").asString()).isEqualTo("two");

        assertThat(sprung()).isSubsetOf("bashrc", "bash_profile");
        for (String file : sprung()) {
            // Once, by the snapshot, and not before each command; as the tenant.
            assertThat(server.exec(TOKEN, "cat witness/" + file).path("stdout").asString())
                    .isEqualTo(uid + "\n");
        }
        assertThat(calls).hasValue(0);
    }

    /** What stands where the agent keeps its own things, each in a workspace of its own. */
    private static final Map<String, String> ODD_PLACES = Map.ofEntries(
            Map.entry("a link to the system in place of work/.claude", "ln -s /etc .claude"),
            Map.entry("a link to nowhere in place of HOME/.claude", "ln -s /nonexistent/x \"$HOME/.claude\""),
            Map.entry("a link to root's own", "ln -s /root \"$HOME/.claude\""),
            Map.entry("a link to itself", "ln -s \"$HOME/.claude\" \"$HOME/.claude\""),
            Map.entry("a FIFO for transcripts", "mkdir \"$HOME/.claude\"; mkfifo \"$HOME/.claude/projects\""),
            Map.entry("a FIFO for the agent's own state", "mkfifo \"$HOME/.claude.json\""),
            Map.entry("a FIFO for the repository", "mkfifo .git"),
            Map.entry(
                    "FIFOs for settings and memory",
                    "mkdir .claude \"$HOME/.claude\"; mkfifo .claude/settings.json \"$HOME/.claude/settings.json\" CLAUDE.md"),
            Map.entry(
                    "endless settings",
                    "mkdir .claude \"$HOME/.claude\"; ln -s /dev/zero .claude/settings.json;"
                            + " ln -s /dev/zero \"$HOME/.claude/settings.json\""),
            Map.entry(
                    "deep settings",
                    "mkdir .claude \"$HOME/.claude\"; head -c 20000000 /dev/zero | tr '\\0' '[' > .claude/settings.json;"
                            + " cp .claude/settings.json \"$HOME/.claude/settings.json\""),
            Map.entry("broken state", "echo '{\"projects\":[[[' > \"$HOME/.claude.json\""),
            Map.entry("a HOME that may not be written to", "chmod 500 \"$HOME\""));

    /** The turn works or says why it does not, the server goes on, and nobody else is the worse for it. */
    @Test
    @Order(5)
    void oddThingsInTheAgentsPlaces() throws Exception {
        List<String> wrong = new ArrayList<>();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Map<String, CompletableFuture<String>> verdicts = new TreeMap<>();
            ODD_PLACES.forEach((name, plant) ->
                    verdicts.put(name, CompletableFuture.supplyAsync(() -> verdict(name, plant), clients)));
            assertThat(TestServer.text(server.say("somebody-else", "hello"))).isEqualTo("hello");
            verdicts.forEach((name, verdict) -> {
                if (!verdict.join().isEmpty()) {
                    wrong.add(name + ": " + verdict.join());
                }
            });
        }
        assertThat(wrong).isEmpty();
        assertThat(server.get(TOKEN, "/readyz").statusCode()).isEqualTo(200);
        assertThat(TestServer.text(server.say("somebody-else", "still here"))).isEqualTo("still here");
    }

    /** It is there, so the agent refuses to begin; and it says nothing, so the agent refuses to go on. */
    @Test
    @Order(6)
    void aTranscriptThatSaysNothingEndsInAConversationBegunAnew() throws Exception {
        JsonNode emptied = server.exec(TOKEN, "for t in ~/.claude/projects/*/" + session + ".jsonl; do : > $t; done");
        assertThat(emptied.path("exit_code").asInt(-1)).isZero();
        assertThat(TestServer.text(server.say(TOKEN, session, "after that"))).isEqualTo("after that");
        assertThat(TestServer.text(server.say(TOKEN, session, "and on"))).isEqualTo("and on");
        assertThat(server.exec(TOKEN, "ls ~/.claude/projects/*/" + session + ".jsonl*")
                        .path("stdout")
                        .asString()
                        .lines())
                .hasSize(2);
    }

    /** Empty if all is as it must be. */
    private String verdict(String name, String plant) {
        try {
            String token = name.replaceAll("[^a-zA-Z]", "-");
            long tenant = Long.parseLong(server.exec(token, "id -u; " + plant)
                    .path("stdout")
                    .asString()
                    .strip());
            HttpResponse<String> response = server.say(token, "hello");
            if (isRoot() && !Needle.lasting(tenant).isEmpty()) {
                return "processes are left";
            }
            if (response.statusCode() == 200) {
                return TestServer.text(response).equals("hello") ? "" : "another answer: " + response.body();
            }
            String message = TestServer.JSON
                    .readTree(response.body())
                    .path("error")
                    .path("message")
                    .asString("");
            return message.contains("HOME") || message.contains("/home has mode 0500") ? "" : response.body();
        } catch (IOException e) {
            return e.toString();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }
}
