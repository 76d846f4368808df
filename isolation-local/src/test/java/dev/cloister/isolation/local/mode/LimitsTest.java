package dev.cloister.isolation.local.mode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Who wants more than its share gets an end, an error or less time, and nobody else notices. */
@ParameterizedClass
@EnumSource(
        value = IsolationMode.class,
        names = {"DIRECTORIES", "NAMESPACES", "CHROOT"})
@EnabledIf("isRoot")
class LimitsTest {
    private static final long MEMORY = 128 << 20;
    private static final long TMP = 100 << 20;
    private static final SandboxLimits LIMITS = new SandboxLimits(MEMORY, 0.5, 64, TMP, 128);

    @Parameter
    @SuppressWarnings("NullAway.Init") // JUnit sets it before each test
    IsolationMode mode;

    @SuppressWarnings("NullAway.Init") // see open()
    private Stage stage;

    @SuppressWarnings("NullAway.Init") // see open()
    private Sandbox sandbox;

    static boolean isRoot() {
        return Stage.isRoot();
    }

    @BeforeEach
    void open() throws Exception {
        stage = new Stage(mode, LIMITS);
        sandbox = stage.sandbox("a", Stage.FIRST_UID);
    }

    @AfterEach
    void close() throws Exception {
        stage.close();
    }

    private Usage usage() {
        return sandbox.usage().orElseThrow(() -> new AssertionError("this host has no control groups for the test"));
    }

    @Test
    void aMemoryHogIsKilledAndTheAnswerSaysSo() throws Exception {
        String hog = "perl -e '$x = \"x\" x (1 << 20); push @y, $x . $_ for 1 .. 400; print \"survived\"'";
        Stage.Output direct = Stage.shell(sandbox, "exec " + hog);
        assertThat(direct).isEqualTo(new Stage.Output(new ExitStatus.OutOfMemory(), "", ""));
        assertThat(Stage.shell(sandbox, hog + "; exit $?").status())
                .as("killed below a shell, which says 137")
                .isEqualTo(new ExitStatus.OutOfMemory());
        assertThat(usage().oomKills()).isGreaterThanOrEqualTo(2);
        assertThat(usage().memoryPeak()).isBetween(MEMORY / 2, MEMORY);
        assertThat(Stage.shell(sandbox, "echo on").stdout())
                .as("the sandbox afterwards")
                .isEqualTo("on\n");
    }

    @Test
    void aForkBombEndsAtItsLimit() throws Exception {
        Stage.Output bomb = Stage.shell(sandbox, "b() { b | b & }; b; sleep 1; exit 3");
        assertThat(bomb.status()).isIn(new ExitStatus.Exited(3), new ExitStatus.Exited(2));
        assertThat(usage().pidsRefused()).isPositive();
        assertThat(Stage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
    }

    @Test
    void aCpuHogIsThrottled() throws Exception {
        long began = System.nanoTime();
        // Where much else runs it may get less than its half of a processor for a while.
        for (int i = 0; i < 20 && usage().throttled().isZero(); i++) {
            Stage.shell(sandbox, "timeout 2 sh -c 'while :; do :; done & while :; do :; done'");
        }
        Duration wall = Duration.ofNanos(System.nanoTime() - began);
        assertThat(usage().throttled()).isPositive();
        assertThat(usage().cpu())
                .as("half of " + wall)
                .isLessThan(wall.multipliedBy(7).dividedBy(10));
    }

    @Test
    void tooManyOpenFilesAreRefused() throws Exception {
        assertThat(Stage.shell(sandbox, "ulimit -n; ulimit -Hn; ulimit -c").stdout())
                .isEqualTo("128\n128\n0\n");
    }

    @Test
    void aFullTmpIsTheCommandsOwnAffair() throws Exception {
        Stage.Output written =
                Stage.shell(sandbox, "dd if=/dev/zero of=$TMPDIR/big bs=1M count=1024; stat -c %s $TMPDIR/big");
        if (mode == IsolationMode.DIRECTORIES) {
            // Its TMPDIR is on the host's disk; the quota of workspaces is what bounds it.
            assertThat(written.stdout().strip()).isEqualTo(Long.toString(1L << 30));
        } else {
            assertThat(written.stderr()).contains("No space left on device");
            assertThat(Long.parseLong(written.stdout().strip())).isLessThanOrEqualTo(TMP);
        }
    }
}
