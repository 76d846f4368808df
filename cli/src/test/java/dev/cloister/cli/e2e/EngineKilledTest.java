package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/**
 * The engine is killed while tenants use their containers, and comes back. For an engine of {@code lab/engine} and for nothing else
 * that uses it meanwhile.
 */
@Tag("slow")
@EnabledIf("dev.cloister.cli.e2e.Docker#isThere")
class EngineKilledTest {
    private static final int TENANTS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    /** What a client may be told: what is wrong, and that it is not the message. */
    private static final String[] CLEAR = {
        "no container engine answers", "the container engine refused", "send the message again", "ry again"
    };

    private final Docker docker = Docker.shared();

    /** One tenant's client, which never rests. */
    private static final class Busy {
        final String token;
        final String note;
        final String session;
        final AtomicInteger good = new AtomicInteger();
        final List<String> failures = new ArrayList<>();
        volatile boolean over;

        Busy(TestServer server, int number) throws IOException, InterruptedException {
            token = "tenant-%02d-0123456789".formatted(number);
            note = "of number " + number;
            HttpResponse<String> first = server.say(
                    token, TestServer.script(TestServer.write("/workspace/note", note), TestServer.bash("cat note")));
            assertThat(TestServer.results(first).toString()).contains(note);
            session = TestServer.session(first);
        }

        void work(TestServer server) throws InterruptedException {
            for (int i = 0; !over; i++) {
                try {
                    if (i % 2 == 0) {
                        took(server.say(token, session, TestServer.script(TestServer.bash("cat note"))));
                    } else {
                        server.exec(token, "cat note; sleep 0.5");
                        good.incrementAndGet();
                    }
                } catch (IOException | AssertionError e) {
                    failed(String.valueOf(e.getMessage()));
                }
                Thread.sleep(50);
            }
        }

        private void took(HttpResponse<String> answer) {
            if (answer.statusCode() == 200) {
                good.incrementAndGet();
            } else {
                failed("HTTP " + answer.statusCode() + ": " + answer.body());
            }
        }

        private synchronized void failed(String how) {
            failures.add(how);
        }

        synchronized List<String> failures() {
            return List.copyOf(failures);
        }
    }

    @Test
    void clientsAreToldAndEverythingIsThereWhenTheEngineIsBack() throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
                TestServer server = TestServer.start(docker.options())) {
            List<Busy> tenants = new ArrayList<>();
            for (int i = 0; i < TENANTS; i++) {
                tenants.add(new Busy(server, i));
            }
            List<Future<?>> working = tenants.stream()
                    .<Future<?>>map(tenant -> threads.submit(() -> {
                        tenant.work(server);
                        return null;
                    }))
                    .toList();
            Set<String> containers;
            try {
                each(tenants, "works", tenant -> tenant.good.get() >= 2);
                assertThat(tenants)
                        .allSatisfy(tenant -> assertThat(tenant.failures()).isEmpty());
                containers = docker.containers(server.workspaces()).keySet();
                lab("kill");
                each(
                        tenants,
                        "is told that something is wrong",
                        tenant -> tenant.failures().size() >= 3);
                assertThat(server.get(tenants.getFirst().token, "/v1/files/note")
                                .statusCode())
                        .isEqualTo(200);
                lab("up");
                List<Integer> before =
                        tenants.stream().map(tenant -> tenant.good.get()).toList();
                each(tenants, "works again", tenant -> tenant.good.get() >= before.get(tenants.indexOf(tenant)) + 4);
            } finally {
                tenants.forEach(tenant -> tenant.over = true);
            }
            for (Future<?> one : working) {
                one.get();
            }
            for (Busy tenant : tenants) {
                assertThat(tenant.failures())
                        .allSatisfy(failure ->
                                assertThat(failure).contains("\"error\"").containsAnyOf(CLEAR));
                HttpResponse<String> after =
                        server.say(tenant.token, tenant.session, TestServer.script(TestServer.bash("cat note")));
                assertThat(TestServer.results(after).toString()).contains(tenant.note);
            }
            // None was doubled.
            assertThat(docker.containers(server.workspaces()).keySet()).isEqualTo(containers);
        }
    }

    private interface State {
        boolean holds(Busy tenant);
    }

    private static void each(List<Busy> tenants, String what, State state) throws Exception {
        Until.holds("each tenant " + what, PATIENCE, () -> tenants.stream().allMatch(state::holds));
    }

    /** @param what {@code kill} or {@code up} */
    private void lab(String what) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(Path.of("..", "lab", "engine").toString(), what)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        assertThat(said).contains(docker.socket());
    }
}
