package dev.cloister.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The parts of the benchmark of launches. */
class LaunchPartsTest {
    private static final String ID = "0123456789ab".repeat(5) + "0123";

    @TempDir
    Path directory;

    @Test
    void theKernelsOwnIsWhatItCannotGiveBack() {
        assertThat(HostMemory.kernel("""
                MemFree:         1000000 kB
                Slab:                900 kB
                SReclaimable:        500 kB
                SUnreclaim:          400 kB
                KernelStack:          30 kB
                PageTables:            2 kB
                Percpu:                1 kB
                """)).isEqualTo(433 << 10);
    }

    @Test
    void onlyProcessesThatWentWithTheTenantsAreTheirs() {
        HostMemory.Since since = new HostMemory.Since(Map.of(10L, 3L << 20, 11L, 5L << 20), 1L << 19, 1L << 18);
        assertThat(since.mib(new HostMemory(Set.of(1L, 11L), 0, 0))).isEqualTo(3.75);
        assertThat(since.mib(new HostMemory(Set.of(1L), 0, 0))).isEqualTo(8.75);
    }

    /** A child of this JVM came since, and its pages count. */
    @Test
    void aProcessThatCameIsSeenWithItsMemory() throws Exception {
        HostMemory before = HostMemory.now();
        Process child = new ProcessBuilder("sleep", "600").start();
        try {
            assertThat(before.processes()).doesNotContain(child.pid());
            assertThat(before.since().processes()).containsKey(child.pid());
        } finally {
            child.destroyForcibly().waitFor();
        }
        assertThat(HostMemory.now().processes()).doesNotContain(child.pid());
    }

    @Test
    void dockerIsAskedForTheOneContainerThatSeesTheDirectory() throws Exception {
        Path client =
                client("[ \"$*\" = '--host unix:///e.sock ps --quiet --no-trunc --filter volume=/w' ] && echo " + ID);
        assertThat(DockerExec.command(client, Path.of("/e.sock"), Path.of("/w"), List.of("/bin/true")))
                .containsExactly(client.toString(), "--host", "unix:///e.sock", "exec", ID, "/bin/true");
    }

    @Test
    void whatTheClientSaysIsTheReason() throws Exception {
        Path none = client("true");
        assertThatIOException()
                .isThrownBy(() -> DockerExec.command(none, Path.of("/e.sock"), Path.of("/w"), List.of("/bin/true")))
                .withMessageContaining("it knows none");
        Path broken = client("echo 'no daemon' >&2; exit 1");
        assertThatIOException()
                .isThrownBy(() -> DockerExec.command(broken, Path.of("/e.sock"), Path.of("/w"), List.of("/bin/true")))
                .withMessageContaining("no daemon");
    }

    private Path client(String script) throws IOException {
        Path file = Files.createTempFile(directory, "docker", "");
        Files.writeString(file, "#!/bin/sh\n" + script + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    }

    /** A mode is in the table because the report has it, whichever it is. */
    static JsonNode report() {
        return new BenchReport(
                        "launch",
                        BenchReportTest.MACHINE,
                        "floor",
                        List.of(
                                Measured.of("floor", List.of(2.0)),
                                Measured.of("namespaces (jvm)", List.of(3.0)),
                                Measured.of("microvm (jvm)", List.of(5.0)),
                                Measured.of("microvm, opening, anew", List.of(9500.0)),
                                Measured.of("microvm, first use", List.of(4000.0)),
                                Measured.of("microvm, next use", List.of(600.0)),
                                Measured.of("microvm, cold turn, first event", List.of(9000.0))),
                        List.of(
                                ModeFigure.REST.of("microvm", 100),
                                ModeFigure.IDLE.of("microvm", 110),
                                ModeFigure.WORKING.of("microvm", 300),
                                ModeFigure.TENANT_CPU.of("microvm", 1500),
                                ModeFigure.SERVER_CPU.of("microvm", 500),
                                ModeFigure.SERVER.of("microvm", 256),
                                ModeFigure.REST.of("namespaces", 0.01)),
                        List.of(),
                        Map.of("container", "no container engine answers", "bwrap", "not installed"))
                .json();
    }

    @Test
    void theTableHasEveryModeOfTheReportAndSaysWhatWasNotMeasured() {
        assertThat(ModeTable.markdown(report()))
                .contains(
                        "| microvm | 100.00 | 110.00 | 300.00 | 9500.00 | 4000.00 | 600.00 | 5.00 | 2.50 | 9000.00 | 2000.00 |")
                .contains("| namespaces | 0.01 | not measured | not measured |")
                .contains("Left out: container: no container engine answers")
                .doesNotContain("bwrap");
    }

    @Test
    void theNamesOfTheReportAreFoundAgain() {
        assertThat(ModeFigure.WORKING.in(report(), "microvm"))
                .hasValueSatisfying(value -> assertThat(value).isCloseTo(300, within(1e-9)));
        assertThat(ModeFigure.WORKING.in(report(), "namespaces")).isEmpty();
        assertThat(ModeTime.COMMAND.in(report(), "chroot")).isEmpty();
    }
}
