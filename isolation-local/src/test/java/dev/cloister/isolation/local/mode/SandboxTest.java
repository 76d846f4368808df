package dev.cloister.isolation.local.mode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.Availability;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** What sandboxes do in the modes of this machine besides what {@link LocalContractTest} looks at in every mode. */
@ParameterizedClass
@EnumSource(
        value = IsolationMode.class,
        names = {"DIRECTORIES", "NAMESPACES", "CHROOT"})
class SandboxTest {
    /** What only a process table of its own gives. */
    private static final Guarantee INVISIBLE = Guarantee.PROCESSES_OF_OTHERS_INVISIBLE;

    @Parameter
    @SuppressWarnings("NullAway.Init") // JUnit sets it before each test
    IsolationMode mode;

    @SuppressWarnings("NullAway.Init") // see open()
    private Stage stage;

    @SuppressWarnings("NullAway.Init") // see open()
    private Sandbox sandbox;

    @BeforeEach
    void open() throws IOException {
        stage = new Stage(mode);
        sandbox = stage.sandbox("a", Stage.FIRST_UID);
    }

    @AfterEach
    void close() {
        stage.close();
    }

    static boolean isRoot() {
        return Stage.isRoot();
    }

    @Test
    void aCommandCannotOutliveItsTurnByAttackingItsSupervisor() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process = sandbox.launch(new ProcessSpec(
                List.of(
                        "/bin/sh",
                        "-c",
                        "setsid sleep %s >/dev/null 2>&1 & kill -STOP $PPID; kill -9 $PPID; kill -9 1; exit 5"
                                .formatted(unlike)),
                Map.of(),
                sandbox.paths().work()));
        process.stdin().close();
        assertThat(process.await()).isEqualTo(new ExitStatus.Exited(5));
        assertThat(running(unlike)).isZero();
    }

    @Test
    void aKilledLauncherLeavesNothing() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process = sandbox.launch(new ProcessSpec(
                List.of("/bin/sh", "-c", "setsid sleep %1$s & echo end; sleep %1$s".formatted(unlike)),
                Map.of(),
                sandbox.paths().work()));
        readUntil(process, "end\n");
        ProcessHandle.of(process.pid()).orElseThrow().destroyForcibly();
        assertThat(process.await()).isEqualTo(new ExitStatus.Signalled(9));
        if (Stage.isRoot()) {
            assertThat(running(unlike)).isZero();
        } else if (mode != IsolationMode.DIRECTORIES) {
            while (running(unlike) > 0) {
                Thread.onSpinWait();
            }
        }
        sandbox.close();
    }

    @Test
    void closeEndsEverythingAndLeavesNoDirectory() throws Exception {
        List<SandboxProcess> processes = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            processes.add(sandbox.launch(new ProcessSpec(
                    List.of("/bin/sleep", "1000"), Map.of(), sandbox.paths().work())));
        }
        sandbox.close();
        sandbox.close();
        for (SandboxProcess process : processes) {
            assertThat(process.await()).isEqualTo(new ExitStatus.Cancelled());
        }
        try (Stream<Path> left = Files.list(stage.root.resolve("run"))) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("cloister-launch", "control", "root");
        }
        try (Stream<Path> left = Files.list(stage.root.resolve("a/tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    @EnabledIf("isRoot")
    void aTenantHasAUidOfItsOwnAndNoGroups() throws Exception {
        assertThat(Stage.shell(sandbox, "id -u; id -g; id -G").stdout())
                .isEqualTo("%1$d\n%1$d\n%1$d\n".formatted(Stage.FIRST_UID));
    }

    @Test
    void theProbeFindsAllThatTheModePromises() {
        Availability found = stage.provider.probe(stage.config, stage.host);
        assertThat(found.holds())
                .as(found.toString())
                .contains(
                        Guarantee.FILES_OF_OTHERS_UNREADABLE,
                        Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
                        Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE,
                        Guarantee.SERVER_STATE_UNREADABLE,
                        Guarantee.PRIVILEGES_NOT_GAINABLE,
                        Guarantee.PROCESSES_END_WITH_TURN,
                        Guarantee.PROCESSES_END_WITH_SERVER,
                        Guarantee.NETWORK_CLOSED);
        assertThat(found.holds().contains(INVISIBLE)).isEqualTo(mode != IsolationMode.DIRECTORIES);
        // With one uid for all Landlock is the wall there, and it does not know the modes of files.
        assertThat(found.holds().contains(Guarantee.FILES_OF_OTHERS_UNWRITABLE))
                .isEqualTo(mode != IsolationMode.DIRECTORIES || Stage.isRoot());
        try (Stream<Path> left = Files.list(stage.host.scratch())) {
            assertThat(left).as("what the probe left").isEmpty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How many processes of the host have this word in their arguments; a zombie has none. */
    private static long running(String word) throws IOException {
        return ProcessTable.read().processes().keySet().stream()
                .filter(pid -> {
                    try {
                        return Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1)
                                .contains(word);
                    } catch (IOException e) {
                        return false;
                    }
                })
                .count();
    }

    private static String readUntil(SandboxProcess process, String end) throws IOException {
        StringBuilder seen = new StringBuilder();
        while (!seen.toString().endsWith(end)) {
            int next = process.stdout().read();
            if (next < 0) {
                break;
            }
            seen.append((char) next);
        }
        return seen.toString();
    }
}
