package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

/**
 * The caller's real credential arrives at the upstream and is nowhere else: not in the sandbox's environment, arguments,
 * open files or memory, not in a file, a log, the database or the audit, while a turn runs and after it. That the same
 * search finds the dummy, which is inside, shows that it can find.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledIf("isRoot")
class CredentialNeverInsideTest {
    private static final String RANDOM = HexFormat.of().formatHex(SecureRandom.getSeed(32));
    private static final Needle SECRET = new Needle(RANDOM.substring(0, 24));
    private static final Needle DUMMY = new Needle("replaced-by-the-broker");
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** How a client sends its credential, and how the upstream has to get it. */
    enum Kind {
        OAUTH("sk-ant-oat01-", "authorization"),
        API_KEY("sk-ant-api03-", "x-api-key"),
        GATEWAY("gateway-", "authorization");

        private final String token;
        private final String header;

        Kind(String prefix, String header) {
            this.token = prefix + RANDOM;
            this.header = header;
        }

        String value() {
            return header.equals("authorization") ? "Bearer " + token : token;
        }

        String otherHeader() {
            return header.equals("authorization") ? "x-api-key" : "authorization";
        }
    }

    /** Every line that the server logs, as verbose as an operator can make it. */
    private static final class Log extends AppenderBase<ILoggingEvent> {
        private final PatternLayout layout = new PatternLayout();
        private final Queue<String> lines = new ConcurrentLinkedQueue<>();

        @Override
        public void start() {
            layout.setContext(getContext());
            layout.setPattern("%logger %msg %X %ex%n");
            layout.start();
            super.start();
        }

        @Override
        protected void append(ILoggingEvent event) {
            lines.add(layout.doLayout(event));
        }
    }

    private final Log log = new Log();
    private RecordingUpstream upstream;
    private TestServer server;

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeAll
    void start() throws Exception {
        Logger cloister = (Logger) LoggerFactory.getLogger("dev.cloister");
        cloister.setLevel(Level.DEBUG);
        cloister.setAdditive(false);
        log.setContext(cloister.getLoggerContext());
        log.start();
        cloister.addAppender(log);
        upstream = RecordingUpstream.start();
        server = TestServer.start(Map.of("upstream.url", upstream.url()));
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
        upstream.close();
        Logger cloister = (Logger) LoggerFactory.getLogger("dev.cloister");
        cloister.detachAppender(log);
        cloister.setAdditive(true);
        cloister.setLevel(null);
    }

    private HttpRequest.Builder request(Kind kind, String path) {
        return HttpRequest.newBuilder(server.uri(path))
                .header(kind.header, kind.value())
                .header("content-type", "application/json")
                .timeout(Duration.ofMinutes(2));
    }

    private HttpResponse<String> get(Kind kind, String path) throws IOException, InterruptedException {
        return server.http().send(request(kind, path).build(), BodyHandlers.ofString());
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void theRealCredentialReachesTheUpstreamOnly(Kind kind) throws Exception {
        upstream.forget();
        String script =
                TestServer.script(TestServer.bash("env; sh -c 'tr \"\\0\" \"\\n\" < /proc/$1/environ' sh $PPID; "
                        + "id -u > uid.tmp; mv uid.tmp uid; until [ -e go ]; do sleep 0.1; done"));
        HttpRequest turn = request(kind, "/v1/messages")
                .POST(BodyPublishers.ofString(TestServer.message(script).toString()))
                .build();
        CompletableFuture<HttpResponse<String>> answer = server.http().sendAsync(turn, BodyHandlers.ofString());
        long uid = uidOnceRunning(kind, answer);

        assertThat(DUMMY.inProcesses(uid)).contains("environ", "memory");
        assertThat(SECRET.inProcesses(uid)).isEmpty();
        assertThat(SECRET.below(server.workspaces())).isEmpty();

        HttpRequest go =
                request(kind, "/v1/files/go").PUT(BodyPublishers.ofString("go")).build();
        assertThat(server.http().send(go, BodyHandlers.ofString()).statusCode()).isEqualTo(201);
        HttpResponse<String> response = answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        String seenByAgent = TestServer.text(response);
        assertThat(seenByAgent).contains("replaced-by-the-broker").doesNotContain(RANDOM.substring(0, 24));

        // In the transcript, because a tool printed it; the agent has written it before the client has its answer.
        assertThat(DUMMY.below(server.workspaces())).isNotEmpty();
        assertThat(SECRET.below(server.workspaces())).isEmpty();
        assertThat(get(kind, "/v1/sessions/" + TestServer.session(response) + "/events?follow=false")
                        .body())
                .contains("replaced-by-the-broker")
                .doesNotContain(RANDOM.substring(0, 24));
        // In the agent neither, which waits for the session's next turn.
        assertThat(Needle.processes(uid)).isNotEmpty();
        assertThat(SECRET.inProcesses(uid)).isEmpty();
        // The database with the audit log and the events, its journal, and the server's keys.
        assertThat(DUMMY.below(server.data())).isNotEmpty();
        assertThat(SECRET.below(server.data())).isEmpty();
        assertThat(String.join("", log.lines))
                .contains("POST /v1/messages 200")
                .doesNotContain(RANDOM.substring(0, 24))
                .doesNotContain("replaced-by-the-broker");
        assertThat(server.http()
                        .send(
                                request(kind, "/v1/sessions/" + TestServer.session(response))
                                        .DELETE()
                                        .build(),
                                BodyHandlers.ofString())
                        .statusCode())
                .isEqualTo(204);
        assertThat(Needle.lasting(uid)).isEmpty();
        requireOnlyTheRealOne(kind, upstream.seen());
    }

    private long uidOnceRunning(Kind kind, CompletableFuture<?> turn) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!turn.isDone() && System.nanoTime() < deadline) {
            HttpResponse<String> uid = get(kind, "/v1/files/uid");
            if (uid.statusCode() == 200) {
                return Long.parseLong(uid.body().strip());
            }
            Thread.sleep(50);
        }
        throw new AssertionError("the tool did not start to run: " + turn);
    }

    private static void requireOnlyTheRealOne(Kind kind, List<RecordingUpstream.Seen> requests) {
        assertThat(requests).hasSizeGreaterThanOrEqualTo(2);
        for (RecordingUpstream.Seen request : requests) {
            assertThat(request.headers()).containsEntry(kind.header, kind.value());
            assertThat(request.headers()).doesNotContainKey(kind.otherHeader());
            assertThat(request.headers().values()).noneMatch(value -> value.contains("replaced-by-the-broker"));
            assertThat(request.body()).doesNotContain(RANDOM.substring(0, 24));
            String beta = request.headers().getOrDefault("anthropic-beta", "");
            assertThat(beta.contains("oauth-2025-04-20")).isEqualTo(kind == Kind.OAUTH);
        }
    }
}
