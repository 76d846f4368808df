package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import tools.jackson.databind.JsonNode;

/** A server with many containers is killed, and another takes over what it left. Takes a minute. */
@Tag("slow")
@EnabledIf("dev.cloister.cli.e2e.Docker#isThere")
class ManyContainersTest {
    private static final int TENANTS = 20;
    /** What a JVM ends with that was asked to by a signal. */
    private static final int TERMINATED = 143;

    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final Docker docker = Docker.shared();

    @Test
    void allAreAdoptedNoneIsDoubledAndNoneIsLeft() throws Exception {
        Path directory = ServerProcess.directory();
        CommandProcess command = CommandProcess.here(directory);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            String unlike = "7" + System.nanoTime();
            ServerProcess server = ServerProcess.start(command, directory, docker.options());
            all(tenant -> clients.submit(() -> lost(server, tenant, "echo $$ > pid; exec sleep " + unlike)));
            Until.holds(
                    "a command of each tenant that runs",
                    PATIENCE,
                    () -> Processes.withArgument(unlike).size() == TENANTS);
            Map<String, String> before = docker.containers(directory);
            // And that of the trial at the start.
            assertThat(before).hasSize(TENANTS + 1);
            server.kill();
            Until.holds(
                    "nothing that goes on",
                    PATIENCE,
                    () -> Processes.withArgument(unlike).isEmpty());
            server.close();

            ServerProcess next = ServerProcess.start(command, directory, docker.options());
            try {
                for (Future<JsonNode> answer : all(tenant -> clients.submit(() -> next.exec(tenant, "ls; echo on")))) {
                    assertThat(answer.get().path("stdout").asString()).isEqualTo("pid\non\n");
                }
                // The same, and none of them was started anew.
                assertThat(docker.containers(directory)).isEqualTo(before);
            } finally {
                assertThat(next.terminate(PATIENCE)).isEqualTo(TERMINATED);
            }
            assertThat(docker.containers(directory)).isEmpty();
        } finally {
            ServerProcess.remove(directory);
        }
    }

    private static <T> List<T> all(Function<String, T> ofTenant) {
        return IntStream.range(0, TENANTS)
                .mapToObj(i -> "tenant-%02d-0123456789".formatted(i))
                .map(ofTenant)
                .toList();
    }

    /** Its server is killed meanwhile. */
    private static boolean lost(ServerProcess server, String tenant, String script) throws InterruptedException {
        try {
            server.exec(tenant, script);
            return false;
        } catch (IOException | AssertionError e) {
            return true;
        }
    }
}
