package dev.cloister.isolation.local.directories;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.Availability;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SharedDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;
import org.junit.jupiter.api.condition.EnabledIf;

class DirectoriesSandboxTest {
    private Stage stage;
    private Sandbox sandbox;

    @BeforeEach
    void open() throws IOException {
        stage = new Stage();
        sandbox = stage.sandbox("a", Stage.FIRST_UID);
    }

    @AfterEach
    void close() throws IOException, InterruptedException {
        stage.close();
    }

    static boolean isRoot() throws IOException {
        return Stage.isRoot();
    }

    @Test
    void reportsHowACommandEnded() throws Exception {
        assertThat(Stage.shell(sandbox, "echo out; echo err >&2; exit 3"))
                .isEqualTo(new Stage.Output(new ExitStatus.Exited(3), "out\n", "err\n"));
        assertThat(Stage.shell(sandbox, "kill -9 $$").status()).isEqualTo(new ExitStatus.Signalled(9));
        assertThat(Stage.shell(sandbox, "exit 137").status()).isEqualTo(new ExitStatus.Exited(137));
        assertThat(Stage.run(sandbox, Map.of(), "/no/such/program").status()).isEqualTo(new ExitStatus.Exited(127));
    }

    @Test
    void givesEachCommandAnEnvironmentOfItsOwn() throws Exception {
        Stage.Output output = Stage.run(sandbox, Map.of("SECRET", "s = 1\nt", "LANG", "C"), "/usr/bin/env", "-0");
        assertThat(output.stdout().split("\0"))
                .contains(
                        "SECRET=s = 1\nt",
                        "LANG=C",
                        "USER=agent",
                        "HOME=" + sandbox.paths().home())
                .noneMatch(entry -> entry.startsWith("JAVA_HOME") || entry.startsWith("PERL"));
    }

    @Test
    void runsNothingOfTheTenantsBeforeTheUidIsSwitched() throws Exception {
        Path witness = stage.root.resolve("witness");
        Stage.Output output = Stage.run(
                sandbox,
                Map.of("PERL5OPT", "-Mnonsense", "LD_PRELOAD", "/no/such/library.so"),
                "/bin/sh",
                "-c",
                "echo ran");
        assertThat(output.stdout()).isEqualTo("ran\n");
        assertThat(witness).doesNotExist();
    }

    @Test
    void removesTmpWithAllInIt() throws Exception {
        Stage.Output output = Stage.shell(
                sandbox, "mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/c; chmod 000 $TMPDIR/a/b $TMPDIR/a; echo $TMPDIR");
        assertThat(output.status()).isEqualTo(new ExitStatus.Exited(0));
        assertThat(Path.of(output.stdout().strip())).doesNotExist();
    }

    @Test
    void killsWhatACommandLeavesBehind() throws Exception {
        Stage.Output output = Stage.shell(
                sandbox,
                "setsid sleep 1000 >/dev/null 2>&1 & echo $!; (setsid sh -c 'sleep 1000 & echo $!; sleep 1000' &) 2>&1");
        assertThat(pids(output.stdout())).isNotEmpty().noneMatch(DirectoriesSandboxTest::runs);
    }

    @Test
    void terminateEndsTheWholeTree() throws Exception {
        SandboxProcess process = sandbox.launch(new ProcessSpec(
                List.of(
                        "/bin/sh",
                        "-c",
                        "trap '' TERM; setsid sleep 1000 >/dev/null & echo $!; sleep 1000 & echo $!; echo end; wait; wait"),
                Map.of(),
                sandbox.paths().work()));
        List<Long> pids = pids(readUntil(process, "end\n"));
        assertThat(pids).hasSize(2).allMatch(DirectoriesSandboxTest::runs);
        process.terminate(Duration.ofMillis(50));
        assertThat(process.await()).isEqualTo(new ExitStatus.Cancelled());
        assertThat(pids).noneMatch(DirectoriesSandboxTest::runs);
        assertThat(process.isAlive()).isFalse();
        process.terminate(Duration.ZERO);
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
            assertThat(left.map(path -> path.getFileName().toString())).containsExactly("supervise.pl");
        }
        try (Stream<Path> left = Files.list(stage.root.resolve("a/tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aShareCanBeUsedButNotChanged() throws Exception {
        try (SharedDirectory share = sandbox.share()) {
            String file = share.publish("note", "hello".getBytes(StandardCharsets.UTF_8));
            assertThat(Stage.shell(sandbox, "cat " + file).stdout()).isEqualTo("hello");
            if (Stage.isRoot()) {
                Stage.Output change = Stage.shell(
                        sandbox,
                        "echo x > %1$s; rm -f %1$s; touch %2$s/new; mv %2$s %2$s.2; ls %2$s"
                                .formatted(file, share.inner()));
                assertThat(change.stdout()).isEmpty();
                assertThat(Files.readString(Path.of(file))).isEqualTo("hello");
            }
        }
    }

    @Test
    @EnabledIf("isRoot")
    void aKilledSupervisorLeavesNothing() throws Exception {
        SandboxProcess process = sandbox.launch(new ProcessSpec(
                List.of("/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!; kill -9 $PPID; sleep 1000"),
                Map.of(),
                sandbox.paths().work()));
        process.stdin().close();
        process.await();
        List<Long> pids = pids(new String(process.stdout().readAllBytes(), StandardCharsets.UTF_8));
        assertThat(pids).hasSize(1).noneMatch(DirectoriesSandboxTest::runs);
    }

    @Test
    @EnabledIf("isRoot")
    void tenantsAreApartAsRoot() throws Exception {
        Sandbox other = stage.sandbox("b", Stage.FIRST_UID + 1);
        assertThat(Stage.shell(sandbox, "id -u; id -g; id -G").stdout())
                .isEqualTo("%1$d\n%1$d\n%1$d\n".formatted(Stage.FIRST_UID));
        Stage.shell(sandbox, "echo s3cret > file");
        assertThat(Stage.shell(sandbox, "cat file").stdout()).isEqualTo("s3cret\n");
        Stage.Output attack = Stage.shell(
                other,
                "cat %1$s/file; ls %1$s; echo x > %1$s/file"
                        .formatted(sandbox.paths().work()));
        assertThat(attack.stdout()).isEmpty();
        assertThat(attack.stderr()).contains("Permission denied");
    }

    @Test
    @EnabledIf("isRoot")
    void theProbeFindsAllThatDirectoriesModePromises() {
        assertThat(new DirectoriesProvider().probe(stage.config, stage.host))
                .isInstanceOfSatisfying(
                        Availability.Available.class,
                        available -> assertThat(available.holds())
                                .containsExactlyInAnyOrder(
                                        Guarantee.FILES_OF_OTHERS_UNREADABLE,
                                        Guarantee.FILES_OF_OTHERS_UNWRITABLE,
                                        Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
                                        Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE,
                                        Guarantee.SERVER_STATE_UNREADABLE,
                                        Guarantee.PRIVILEGES_NOT_GAINABLE,
                                        Guarantee.PROCESSES_END_WITH_TURN,
                                        Guarantee.PROCESSES_END_WITH_SERVER));
    }

    @Test
    @DisabledIf("isRoot")
    void theProbeSeesNoWallForAnOrdinaryUser() {
        assertThat(new DirectoriesProvider().probe(stage.config, stage.host))
                .isInstanceOfSatisfying(
                        Availability.Degraded.class,
                        degraded -> assertThat(degraded.holds())
                                .containsExactlyInAnyOrder(
                                        Guarantee.PRIVILEGES_NOT_GAINABLE,
                                        Guarantee.PROCESSES_END_WITH_TURN,
                                        Guarantee.PROCESSES_END_WITH_SERVER));
    }

    private static List<Long> pids(String output) {
        return output.lines()
                .filter(line -> line.matches("\\d+"))
                .map(Long::parseLong)
                .toList();
    }

    /** A zombie does not run: it only waits for a parent that may be slow to look. */
    private static boolean runs(long pid) {
        try {
            return ProcessTable.read().processes().containsKey(pid);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
