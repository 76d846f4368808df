package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static dev.cloister.core.workspace.Fixture.stream;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.FakeBackend;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.core.testing.ManualTimer;
import dev.cloister.core.workspace.WorkspaceFiles.Content;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import dev.cloister.spi.SandboxProcess;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that the server reaches by programs in the tenant's sandbox, and what a tenant can make of those. */
@Timeout(300)
class SandboxFilesTest extends WorkspaceFilesContract {
    private final Queue<FakeProcess> processes = new ConcurrentLinkedQueue<>();
    private final ManualTimer timer = new ManualTimer();

    @Override
    Fixture fixture(Path directory) throws IOException {
        return Fixture.inSandbox(directory);
    }

    @AfterEach
    void theServersHandsFindNothing() throws IOException {
        try (var names = Files.list(fixture.workspace.work())) {
            assertThat(names).isEmpty();
        }
        timer.shutdownNow();
    }

    /** Files behind a program of the test's. */
    private WorkspaceFiles lying(FakeProcess.Program program) {
        FakeBackend backend = FakeBackend.keeping(fixture.work(".."), temporary, spec -> launched(program));
        return Fixture.service(fixture.root, backend, timer)
                .files(new Tenant(Fixture.TENANT, "", Fixture.TENANT_UID, true, 1));
    }

    private SandboxProcess launched(FakeProcess.Program program) {
        FakeProcess process = new FakeProcess(program);
        processes.add(process);
        return process;
    }

    @Test
    void aFileThatIsWrittenForLongIsNotSeenBefore() throws IOException {
        InputStream slow = new InputStream() {
            private int left = 3;

            @Override
            public int read() throws IOException {
                assertThat(fixture.work("new")).doesNotExist();
                return left-- > 0 ? 'x' : -1;
            }

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                int next = read();
                target[offset] = (byte) next;
                return next < 0 ? -1 : 1;
            }
        };
        assertThat(fixture.files.write(path("new/file"), slow, 3, false)).isTrue();
        assertThat(fixture.read("new/file")).isEqualTo("xxx");
    }

    @Test
    void alsoLargeFilesComeBackAsTheyWere() throws IOException {
        byte[] much = new byte[5_000_001];
        for (int i = 0; i < much.length; i++) {
            much[i] = (byte) (i * 31 >> 3);
        }
        fixture.files.write(path("much"), new ByteArrayInputStream(much), much.length, false);
        try (Content content = fixture.files.read(path("much"))) {
            assertThat(content.size()).isEqualTo(much.length);
            assertThat(content.bytes().readAllBytes()).isEqualTo(much);
        }
    }

    @Test
    void namesThatAShellWouldTakeForMoreAreOnlyNames() throws IOException {
        for (String name :
                List.of("-rf", "$(touch hurt)", "`touch hurt`", "a b;touch hurt", "'\"", "*", "\\x2f", "~", "#")) {
            assertThat(fixture.write("odd/" + name, name)).isTrue();
            assertThat(fixture.read("odd/" + name)).isEqualTo(name);
            assertThat(fixture.files.stat(path("odd/" + name)).name()).isEqualTo(name);
            fixture.files.delete(path("odd/" + name));
            fixture.write(name + "/below", "x");
            fixture.files.delete(path(name));
        }
        assertThat(fixture.files.list(List.of(), 9)).singleElement().satisfies(entry -> {
            assertThat(entry.name()).isEqualTo("odd");
            assertThat(entry.kind()).isEqualTo(Kind.DIRECTORY);
        });
        assertThat(fixture.files.list(path("odd"), 9)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "ok",
                "nonsense\0",
                "-5\0",
                "0\0",
                "99999999999999999999\0",
                "ok\0file\0",
                "ok\0file\0" + "12\0" + "x\0-\0name\0",
                "ok\0file\0-12\0" + "1\0-\0name\0",
                "ok\0tree\0" + "1\0" + "1\0-\0name\0"
            })
    void whatHasNotTheFormIsAnError(String said) throws IOException {
        WorkspaceFiles files = lying(terminal -> {
            terminal.print(said);
            return 0;
        });
        refused(ErrorCode.INTERNAL, () -> files.stat(path("file")));
        refused(ErrorCode.INTERNAL, () -> files.list(path("file"), 5));
        refused(ErrorCode.INTERNAL, () -> files.read(path("file")));
        refused(ErrorCode.INTERNAL, () -> files.write(path("file"), stream("x"), 5, false));
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "ok\0", "file\0" + "1\0" + "1\0-\0name\0"})
    void whatHasNoEndIsCutOff(String repeated) {
        WorkspaceFiles files = lying(terminal -> {
            terminal.print("ok\0");
            while (true) {
                terminal.print(repeated);
            }
        });
        refused(ErrorCode.INTERNAL, () -> files.list(path("file"), 5));
        refused(ErrorCode.INTERNAL, () -> files.read(path("file")));
    }

    @Test
    void noMoreIsReadThanWasPromised() throws IOException {
        WorkspaceFiles files = lying(terminal -> {
            terminal.print("ok\0" + "4\0");
            while (true) {
                terminal.print("more");
            }
        });
        try (Content content = files.read(path("file"))) {
            assertThat(content.bytes()).hasContent("more");
        }
        assertThat(processes).allMatch(process -> !process.isAlive());
    }

    @Test
    void whoSaysNothingIsEndedWhenTimeIsOut() throws Exception {
        WorkspaceFiles files = lying(terminal -> {
            Thread.sleep(Long.MAX_VALUE);
            return 0;
        });
        List<Callable<Object>> calls = List.of(
                () -> files.stat(path("file")),
                () -> files.list(path("file"), 5),
                () -> files.read(path("file")),
                () -> files.write(path("file"), endless(), Long.MAX_VALUE, false));
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Object>> waiting = calls.stream().map(threads::submit).toList();
            Eventually.holds("all wait", () -> timer.waiting().size() == calls.size());
            timer.pass(60_000);
            for (Future<Object> each : waiting) {
                refused(ErrorCode.INTERNAL, () -> rethrown(each));
            }
        }
        assertThat(processes).hasSize(calls.size()).allMatch(process -> !process.isAlive());
    }

    private static void rethrown(Future<Object> future) throws Throwable {
        try {
            future.get();
        } catch (ExecutionException e) {
            throw e.getCause();
        }
    }

    private static InputStream endless() {
        return new InputStream() {
            @Override
            public int read() {
                return 'x';
            }
        };
    }
}
