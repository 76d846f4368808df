package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;
import tools.jackson.databind.JsonNode;

/** Who wants more than its share is told so, and the server answers others meanwhile. */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledIf("isRoot")
class LimitsTest {
    /** The figure for a server that is under attack by one tenant. */
    private static final Duration RESPONSIVE = Duration.ofMillis(100);

    private static final int LOOKS = 15;

    private TestServer server;

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeAll
    void start() throws Exception {
        server = TestServer.start(Map.of(
                "isolation.memory",
                "256MiB",
                "isolation.pids",
                "100",
                "isolation.cpus",
                "0.5",
                "isolation.tmp",
                "100MiB"));
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
    }

    @Test
    void theAnswerSaysThatMemoryRanOut() throws Exception {
        JsonNode answer = server.exec("a", "exec perl -e '$x = \"x\" x (1 << 20); push @y, $x . $_ for 1 .. 600'");
        assertThat(answer.path("status").asString()).isEqualTo("out_of_memory");
        assertThat(server.exec("b", "echo on").path("stdout").asString()).isEqualTo("on\n");
    }

    @Test
    void theServerAnswersWhileABombGoesOff() throws Exception {
        CompletableFuture<JsonNode> bomb = CompletableFuture.supplyAsync(() -> {
            try {
                return server.exec("a", "b() { b | b & }; b; sleep 4; exit 3");
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        List<Long> times = new ArrayList<>();
        for (int i = 0; i < LOOKS; i++) {
            long began = System.nanoTime();
            HttpResponse<String> health = server.http()
                    .send(HttpRequest.newBuilder(server.uri("/healthz")).build(), BodyHandlers.ofString());
            times.add(Duration.ofNanos(System.nanoTime() - began).toMillis());
            assertThat(health.statusCode()).isEqualTo(200);
            Thread.sleep(200);
        }
        times.sort(null);
        System.out.printf(
                "/healthz while a fork bomb runs: p50 %d ms, max %d ms%n", times.get(LOOKS / 2), times.getLast());
        assertThat(times.get(LOOKS / 2)).isLessThan(RESPONSIVE.toMillis());
        assertThat(bomb.get().path("status").asString()).isEqualTo("exited");
    }

    @Test
    void aFullTmpIsNoSpaceLeft() throws Exception {
        JsonNode answer = server.exec("a", "dd if=/dev/zero of=/tmp/big bs=1M count=1024");
        assertThat(answer.path("exit_code").asInt()).isNotZero();
        assertThat(answer.path("stderr").asString()).containsAnyOf("No space left on device", "Permission denied");
    }

    @Test
    void filesWithoutContentFillTmpToo() throws Exception {
        JsonNode answer =
                server.exec("a", "set -C; i=0; while [ $i -lt 30000 ]; do : >/tmp/$i || exit; i=$((i + 1)); done");
        assertThat(answer.path("exit_code").asInt()).isNotZero();
        assertThat(answer.path("stderr").asString()).containsAnyOf("No space left on device", "Permission denied");
    }
}
