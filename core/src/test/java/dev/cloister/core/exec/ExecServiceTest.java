package dev.cloister.core.exec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.sandbox.UsageBooks;
import dev.cloister.core.sandbox.WorkspaceService;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.FakeBackend;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.core.testing.ManualTimer;
import dev.cloister.core.testing.TestWorkspaces;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ExecServiceTest {
    private static final int PER_TENANT = 2;
    private static final FakeProcess.Program SLEEPS = terminal -> {
        Thread.sleep(Duration.ofDays(1));
        return 0;
    };

    @TempDir
    private Path directory;

    private final ManualTimer timer = new ManualTimer();
    private final Metrics metrics = new Metrics(new SimpleMeterRegistry());
    private final Queue<String> observed = new ConcurrentLinkedQueue<>();
    private final Queue<Map<String, Object>> audited = new ConcurrentLinkedQueue<>();
    private final Queue<FakeProcess> processes = new ConcurrentLinkedQueue<>();
    private FakeProcess.Program program = terminal -> 0;
    private boolean launchable = true;
    private Tenant tenant;
    private FakeBackend backend;
    private UsageBooks books;
    private WorkspaceService workspaces;
    private ExecService execs;

    @BeforeEach
    void open() throws IOException {
        tenant = new Tenant(new TenantId("a".repeat(32)), "", TestWorkspaces.tenantUid(), true, 1);
        backend = new FakeBackend(Files.createDirectory(directory.resolve("shares")), this::launch);
        WorkspaceRoot root = TestWorkspaces.in(directory);
        Violations violations = new Violations(
                (actor, action, detail) -> observed.add(detail.get("guarantee") + " " + detail.get("what")),
                metrics,
                "directories");
        books = new UsageBooks(metrics, (who, used) -> {}, violations);
        Sandboxes sandboxes = new Sandboxes(root, backend, metrics, books, Optional.empty(), false);
        Quota quota = new Quota("commands", 10, PER_TENANT, Quota.Queue.NONE);
        workspaces = new WorkspaceService(root, sandboxes, quota, timer, Duration.ofMinutes(1));
        execs = new ExecService(
                sandboxes,
                workspaces,
                quota,
                (actor, action, detail) -> audited.add(detail),
                violations,
                metrics,
                timer,
                1024);
    }

    @AfterEach
    void close() throws InterruptedException {
        processes.forEach(process -> process.terminate(Duration.ZERO));
        awaitQuiet();
        books.close();
        timer.shutdownNow();
    }

    private SandboxProcess launch(ProcessSpec spec) {
        if (!launchable) {
            throw new IsolationException(new Finding("no sandbox", "no such uid", "make one"));
        }
        FakeProcess process = new FakeProcess(program);
        processes.add(process);
        return process;
    }

    private void awaitQuiet() throws InterruptedException {
        Eventually.holds(
                "all commands are gone",
                () -> metrics.activeExecs().get() == 0 && audited.size() == processes.size() && backend.isQuiet());
    }

    private ExecRequest request(String stdin, String cwd) {
        return new ExecRequest(
                tenant,
                "req_1",
                List.of("prog", "argument"),
                stdin.getBytes(UTF_8),
                Map.of("NAME", "value"),
                cwd,
                Duration.ofSeconds(60));
    }

    private Exec start() {
        return execs.start(request("", ""));
    }

    private record Ended(ExitStatus status, String stdout, String stderr) {}

    private static Ended finished(Exec exec) throws InterruptedException {
        ByteArrayOutputStream stdout = new ByteArrayOutputStream();
        ByteArrayOutputStream stderr = new ByteArrayOutputStream();
        while (exec.result().isEmpty()) {
            exec.poll(Duration.ofSeconds(1)).ifPresent(event -> {
                switch (event.stream()) {
                    case STDOUT -> stdout.writeBytes(event.bytes());
                    case STDERR -> stderr.writeBytes(event.bytes());
                }
            });
        }
        return new Ended(exec.result().get().status(), stdout.toString(UTF_8), stderr.toString(UTF_8));
    }

    @Test
    void aCommandIsRunWithItsInputAndBookedOnce() throws Exception {
        program = terminal -> {
            String line = terminal.readLine().orElse("nothing");
            terminal.print("got " + line);
            terminal.complain("careful");
            return terminal.readLine().isEmpty() ? 3 : 4;
        };
        try (Exec exec = execs.start(request("input\n", ""))) {
            assertThat(finished(exec)).isEqualTo(new Ended(new ExitStatus.Exited(3), "got input", "careful"));
        }
        awaitQuiet();
        assertThat(audited).singleElement().satisfies(detail -> {
            assertThat(detail).containsEntry("request_id", "req_1").containsEntry("status", "exited");
            assertThat(detail.toString()).doesNotContain("prog").doesNotContain("input");
        });
        assertThat(backend.launched()).singleElement().satisfies(spec -> {
            assertThat(spec.command()).containsExactly("prog", "argument");
            assertThat(spec.env()).containsExactly(Map.entry("NAME", "value"));
        });
    }

    @Test
    void aCommandThatDoesNotReadItsInputIsNoFailure() throws Exception {
        try (Exec exec = execs.start(request("x".repeat(1 << 20), ""))) {
            assertThat(finished(exec).status()).isEqualTo(new ExitStatus.Exited(0));
        }
    }

    @Test
    void moreOutputThanIsQueuedWaitsForItsReaderAndIsComplete() throws Exception {
        String piece = "x".repeat(100_000);
        program = terminal -> {
            for (int i = 0; i < 30; i++) {
                terminal.print(piece);
                terminal.complain(piece);
            }
            return 0;
        };
        try (Exec exec = start()) {
            Ended ended = finished(exec);
            assertThat(ended.stdout()).hasSize(3_000_000);
            assertThat(ended.stderr()).hasSize(3_000_000);
        }
    }

    @Test
    void aCommandThatTakesTooLongIsEndedAndSaysSo() throws Exception {
        program = SLEEPS;
        try (Exec exec = start()) {
            timer.pass(59_999);
            assertThat(exec.poll(Duration.ZERO)).isEmpty();
            assertThat(exec.result()).isEmpty();
            timer.pass(60_000);
            assertThat(finished(exec).status()).isEqualTo(new ExitStatus.TimedOut());
        }
        awaitQuiet();
        assertThat(audited.element()).containsEntry("status", "timed_out");
    }

    @Test
    void aCancelledCommandSaysSo() throws Exception {
        program = SLEEPS;
        try (Exec exec = start()) {
            exec.cancel();
            exec.cancel();
            assertThat(finished(exec).status()).isEqualTo(new ExitStatus.Cancelled());
        }
    }

    @Test
    void aCommandThatEndedInTimeLeavesNothingToTheTimer() throws Exception {
        try (Exec exec = start()) {
            assertThat(finished(exec).status()).isEqualTo(new ExitStatus.Exited(0));
        }
        awaitQuiet();
        assertThat(timer.waiting()).isEmpty();
    }

    @Test
    void closingEndsACommandThatFloodsAClientWhoIsGone() throws Exception {
        program = terminal -> {
            while (true) {
                terminal.print("x".repeat(100_000));
            }
        };
        Exec exec = start();
        assertThat(exec.poll(Duration.ofSeconds(30))).isPresent();
        exec.close();
        exec.close();
        awaitQuiet();
        assertThat(audited.element()).containsEntry("status", "cancelled");
    }

    @Test
    void atTheLimitACommandIsRefusedAndAnEndGivesItsPlaceBack() throws Exception {
        program = SLEEPS;
        Exec first = start();
        start();
        assertThatThrownBy(this::start)
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.RATE_LIMITED));
        first.close();
        Eventually.holds("its place is free", () -> metrics.activeExecs().get() == 1);
        Eventually.holds("another starts", () -> {
            try {
                return start().result().isEmpty();
            } catch (CloisterException e) {
                return false;
            }
        });
    }

    @Test
    void aSandboxThatFailsIsTheServersFaultAndCostsNoPlace() {
        launchable = false;
        for (int i = 0; i < PER_TENANT + 1; i++) {
            assertThatThrownBy(this::start)
                    .isInstanceOfSatisfying(
                            CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.ISOLATION_FAILED))
                    .hasMessageContaining("no such uid");
        }
        assertThat(backend.isQuiet()).isTrue();
        launchable = true;
        start().close();
    }

    @Test
    void theWorkingDirectoryIsOneOfTheWorkspace() throws Exception {
        WorkspaceFiles files = workspaces.files(tenant);
        files.write(List.of("sub", "file"), new ByteArrayInputStream(new byte[0]), 10, false);
        try (Exec exec = execs.start(request("", "sub"))) {
            finished(exec);
        }
        assertThat(backend.launched().getFirst().cwd()).endsWith("/work/sub");
        assertThatThrownBy(() -> execs.start(request("", "sub/file")))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @ParameterizedTest
    @ValueSource(strings = {"..", "a/../..", "/etc", "missing", "a\0b"})
    void aWorkingDirectoryElsewhereIsRefusedBeforeAnythingStarts(String cwd) {
        assertThatThrownBy(() -> execs.start(request("", cwd))).isInstanceOf(CloisterException.class);
        assertThat(backend.launched()).isEmpty();
        assertThat(Optional.ofNullable(processes.peek())).isEmpty();
    }
}
