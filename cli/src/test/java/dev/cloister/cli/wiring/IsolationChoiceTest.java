package dev.cloister.cli.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.SandboxLimits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** On the host that the tests run on, which has namespaces for everybody. */
class IsolationChoiceTest {
    private static final SandboxLimits LIMITS = new SandboxLimits(1L << 30, 1, 512, 64 << 20, 1024);
    /** Of this JVM alone: two that try modes as one uid end each other's processes. */
    private static final long PROBE_UIDS =
            1_600_000_000L + ProcessHandle.current().pid() % 90_000 * 1_000;

    private Path scratch;
    private Path jails;
    private Host host;

    @BeforeEach
    void prepare() throws Exception {
        scratch = Files.createTempDirectory("cloister-choice");
        Files.setPosixFilePermissions(scratch, PosixFilePermissions.fromString("rwx--x--x"));
        jails = Files.createTempDirectory("cloister-choice-jails");
        Files.setPosixFilePermissions(jails, PosixFilePermissions.fromString("rwx--x--x"));
        host = HostFacts.host(PROBE_UIDS, scratch);
    }

    @AfterEach
    void tidyUp() throws Exception {
        try (var left = Files.list(scratch)) {
            assertThat(left).as("what the probe left").isEmpty();
        }
        Files.delete(scratch);
        // What it keeps, for the next one: that is where it may.
        new ProcessBuilder("rm", "-rf", "--", jails.toString()).start().waitFor();
    }

    private IsolationChoice choose(Optional<IsolationMode> mode, Set<Guarantee> require) {
        return IsolationChoice.make(
                new CloisterConfig.Isolation(
                        mode,
                        false,
                        require,
                        LIMITS,
                        Optional.empty(),
                        List.of(),
                        new CloisterConfig.Container(
                                Path.of("/nowhere"), "none", Optional.empty(), Duration.ofMinutes(1)),
                        new CloisterConfig.MicroVm(
                                Path.of("/nowhere"),
                                CloisterConfig.Hypervisor.QEMU,
                                CloisterConfig.Accelerator.TCG,
                                1L << 30,
                                Duration.ofMinutes(1),
                                Duration.ofMinutes(1)),
                        Optional.empty()),
                new IsolationConfig(scratch, List.of(), LIMITS, Optional.empty(), jails),
                host);
    }

    @Test
    void autoTakesTheStrongestThereIs() {
        IsolationChoice choice = choose(Optional.empty(), Set.of());
        assertThat(choice.guarantees().mode()).isEqualTo(IsolationMode.NAMESPACES);
        assertThat(choice.guarantees().weak()).isFalse();
        assertThat(choice.wallMissing(false)).isEmpty();
    }

    @Test
    void whatIsRequiredAndDoesNotHoldStopsTheStart() {
        assertThatThrownBy(() ->
                        choose(Optional.of(IsolationMode.DIRECTORIES), Set.of(Guarantee.PROCESSES_OF_OTHERS_INVISIBLE)))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.ISOLATION_FAILED))
                .hasMessageContaining("PROCESSES_OF_OTHERS_INVISIBLE");
    }

    @Test
    void whatIsRequiredAndHoldsDoesNot() {
        assertThat(choose(Optional.empty(), Set.of(Guarantee.PROCESSES_END_WITH_SERVER))
                        .guarantees()
                        .holds())
                .contains(Guarantee.PROCESSES_END_WITH_SERVER);
    }

    @Test
    void thereIsNoFallbackToAnotherMode() {
        assertThatThrownBy(() -> choose(Optional.of(IsolationMode.MICROVM), Set.of()))
                .hasMessageContaining("no isolation mode can be used")
                .hasMessageContaining("cloister vm build");
    }
}
