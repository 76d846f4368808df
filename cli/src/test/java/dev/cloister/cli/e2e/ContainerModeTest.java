package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import tools.jackson.databind.JsonNode;

/**
 * Whole servers in container mode, with the real agent. {@code ./cloister verify} starts the engine for it, where it is root on
 * Debian, and says so where it is not.
 */
@EnabledIf("dev.cloister.cli.e2e.Docker#isThere")
class ContainerModeTest {
    private static final String ALICE = "alice-0123456789";
    private static final String BOB = "bob-0123456789";

    private static final Docker DOCKER = Docker.shared();

    @Test
    void turnsSessionsAndCommandsWorkAndTenantsAreApart() throws Exception {
        allWorksBy("runc");
    }

    /** Takes long there. */
    @Test
    @Tag("slow")
    void andInGvisor() throws Exception {
        allWorksBy("runsc");
    }

    private static void allWorksBy(String runtime) throws Exception {
        try (TestServer server = TestServer.start(DOCKER.options("container.runtime", runtime))) {
            assertThat(server.mode()).isEqualTo(IsolationMode.CONTAINER);
            HttpResponse<String> first = server.say(
                    ALICE,
                    TestServer.script(TestServer.write("/workspace/note", "alice's"), TestServer.bash("cat note")));
            assertThat(TestServer.results(first).toString()).contains("alice's");
            HttpResponse<String> second = server.say(ALICE, TestServer.session(first), "hello again");
            assertThat(TestServer.text(second)).contains("hello again");
            assertThat(stdout(server.exec(ALICE, "cat note; env | grep -ci anthropic_api_key")))
                    .isEqualTo("alice's0\n");
            assertThat(stdout(server.exec(BOB, "ls -A /workspace; ls / | grep -c note")))
                    .isEqualTo("0\n");
            assertThat(server.get(ALICE, "/v1/files/note").body()).isEqualTo("alice's");
        }
    }

    @Test
    void whatSomebodyElseBreaksIsMendedByTheNextTurn() throws Exception {
        try (TestServer server = TestServer.start(DOCKER.options())) {
            HttpResponse<String> first = server.say(ALICE, "hello");
            DOCKER.run(
                    "kill",
                    DOCKER.containers(server.workspaces()).keySet().iterator().next());
            String session = TestServer.session(first);
            // The agent that waited there is gone with its container.
            assertThat(TestServer.text(server.say(ALICE, session, "after a kill")))
                    .contains("after a kill");
            DOCKER.containers(server.workspaces()).keySet().forEach(id -> DOCKER.run("rm", "-f", id));
            assertThat(TestServer.text(server.say(ALICE, session, "after a removal")))
                    .contains("after a removal");
        }
    }

    @Test
    void aServerInsideIsReachedAndTheWayOutLeadsThroughTheProxy() throws Exception {
        try (TestServer server = TestServer.start(
                DOCKER.options("ports.open", "true", "egress.mode", "allowlist", "egress.rules", "allowed.example"))) {
            assertThat(
                            stdout(
                                    server.exec(
                                            ALICE,
                                            "curl -s -o /dev/null -w '%{http_code}' http://elsewhere.example/; echo; ls /sys/class/net")))
                    .isEqualTo("403\nlo\n");
        }
    }

    @Test
    void whatAKilledServerLeftIsTakenOver() throws Exception {
        Path directory = ServerProcess.directory();
        CommandProcess command = CommandProcess.here(directory);
        try {
            ServerProcess server = ServerProcess.start(command, directory, DOCKER.options());
            HttpResponse<String> first = server.say(ALICE, "hello");
            String unlike = "7" + System.nanoTime();
            Thread.ofVirtual().start(() -> {
                try {
                    server.exec(ALICE, "setsid sleep " + unlike + " & sleep " + unlike);
                } catch (IOException | InterruptedException | AssertionError e) {
                    // Its server is killed meanwhile.
                    return;
                }
            });
            Until.holds("a command that runs", Duration.ofSeconds(60), () -> running(unlike) > 0);
            Set<String> before = DOCKER.containers(directory).keySet();
            server.kill();
            Until.holds("nothing that goes on", Duration.ofSeconds(60), () -> running(unlike) == 0);
            server.close();
            ServerProcess next = ServerProcess.start(command, directory, DOCKER.options());
            try {
                assertThat(stdout(next.exec(ALICE, "echo on"))).isEqualTo("on\n");
                assertThat(TestServer.text(next.say(ALICE, TestServer.session(first), "again")))
                        .contains("again");
                assertThat(DOCKER.containers(directory).keySet()).isEqualTo(before);
            } finally {
                next.close();
            }
            assertThat(DOCKER.containers(directory)).isEmpty();
        } finally {
            ServerProcess.remove(directory);
        }
    }

    @Test
    void whatIsMissingIsNamed() {
        assertThatThrownBy(() -> TestServer.start(DOCKER.options("container.image", "no-such-image")))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("no-such-image")
                .hasMessageContaining("docker build");
        assertThatThrownBy(() -> TestServer.start(DOCKER.options("container.engine", "/nowhere/docker.sock")))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("no container engine answers")
                .hasMessageContaining("container.engine");
    }

    static String stdout(JsonNode answer) {
        return answer.path("stdout").asString();
    }

    private static long running(String word) throws IOException {
        return Processes.withArgument(word).size();
    }
}
