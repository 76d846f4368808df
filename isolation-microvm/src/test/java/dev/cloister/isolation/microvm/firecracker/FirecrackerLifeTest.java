package dev.cloister.isolation.microvm.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Machines' lives, with a program that answers as Firecracker's description says. No machine runs here. */
class FirecrackerLifeTest {
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    @TempDir
    Path directory;

    private Stage stage;
    private MachinePlan plan;

    @BeforeEach
    void prepare() throws IOException {
        stage = Stage.in(directory);
        plan = stage.plan("m1", "workspace", Optional.empty());
    }

    @AfterEach
    void nothingRuns() {
        // A test that failed may have left some.
        ProcessHandle.allProcesses()
                .filter(process -> worksBelow(directory, process))
                .forEach(ProcessHandle::destroyForcibly);
    }

    private static boolean worksBelow(Path directory, ProcessHandle process) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/" + process.pid() + "/cwd"))
                    .startsWith(directory);
        } catch (IOException e) {
            // It ended while we looked, or is not ours.
            return false;
        }
    }

    private static FirecrackerHypervisor hypervisor(Path executable) {
        return FirecrackerHypervisor.openWithoutKvm(new Installation(executable, Optional.empty()), PATIENCE);
    }

    @Test
    void aWholeLifeIsTheOneThatWasWrittenDown() throws IOException {
        Path transcript = directory.resolve("transcript");
        Path saved = Files.createDirectory(directory.resolve("saved"));
        try (FirecrackerHypervisor firecracker =
                hypervisor(stage.firecracker("-Dtranscript=" + transcript, "-Ddeaf=2"))) {
            assertThat(firecracker.description()).isEqualTo("Firecracker v1.16.1, KVM, without the jailer");
            note(transcript, "boot");
            try (Machine machine = firecracker.start(plan, Optional.empty())) {
                assertThat(machine.isAlive()).isTrue();
                assertEchoes(machine);
                note(transcript, "balloon");
                machine.balloon(64 << 20);
                note(transcript, "save");
                machine.save(saved);
                note(transcript, "close");
            }
            assertEmpty(plan);

            note(transcript, "start from what was saved");
            MachinePlan other = stage.plan("m2", "workspace-of-another", Optional.empty());
            try (Machine machine = firecracker.start(other, Optional.of(saved))) {
                assertThat(directory.resolve("m2/root/disk1").toRealPath())
                        .isEqualTo(directory.resolve("workspace-of-another").toRealPath());
                assertEchoes(machine);
                note(transcript, "close");
            }
            assertEmpty(other);
        }
        assertThat(Files.readString(transcript)).isEqualTo(golden());
        assertThat(directory.resolve("workspace")).hasContent("workspace");
        assertThat(Files.getPosixFilePermissions(saved.resolve(Place.SAVED_MEMORY)))
                .isEqualTo(PosixFilePermissions.fromString("r--r--r--"));
    }

    private static String golden() throws IOException {
        try (InputStream in = Objects.requireNonNull(FirecrackerLifeTest.class.getResourceAsStream("life.txt"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static void note(Path transcript, String line) throws IOException {
        Files.writeString(transcript, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** The first word is the guest's, and what is said comes back. */
    private static void assertEchoes(Machine machine) throws IOException {
        try (ByteChannel guest = machine.connect(PATIENCE)) {
            assertThat(read(guest, 6)).isEqualTo("hello\n");
            guest.write(ByteBuffer.wrap("over there".getBytes(StandardCharsets.US_ASCII)));
            assertThat(read(guest, 10)).isEqualTo("over there");
        }
    }

    private static String read(ByteChannel channel, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
            continue;
        }
        return new String(buffer.array(), 0, buffer.position(), StandardCharsets.US_ASCII);
    }

    private static void assertEmpty(MachinePlan plan) throws IOException {
        try (Stream<Path> left = Files.list(plan.directory())) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aMachineOutlivesItsServerAndIsFoundAgain() throws IOException {
        Path executable = stage.firecracker();
        long pid;
        try (FirecrackerHypervisor earlier = hypervisor(executable)) {
            pid = earlier.start(plan, Optional.empty()).pid();
        }
        try (FirecrackerHypervisor later = hypervisor(executable)) {
            assertThat(later.running(stage.plan("m2", "workspace", Optional.empty())))
                    .isEmpty();
            Machine machine = later.running(plan).orElseThrow();
            assertThat(machine.pid()).isEqualTo(pid);
            assertEchoes(machine);
            machine.close();
            machine.close();
            assertThat(machine.isAlive()).isFalse();
            assertThat(later.running(plan)).isEmpty();
        }
        assertEmpty(plan);
    }

    @Test
    void whatWasNotYetStartedIsEndedAndNotFound() throws Exception {
        Path executable = stage.firecracker();
        Installation installation = new Installation(executable, Optional.empty());
        Place place = Place.of(installation, plan);
        MachineFiles.lay(place, Place.files(plan, Optional.empty()));
        Process half = new ProcessBuilder(Commands.of(installation, place, plan))
                .directory(place.root().toFile())
                .start();
        while (!Files.exists(place.door().resolve(Place.API))) {
            assertThat(half.isAlive()).isTrue();
            Thread.sleep(10);
        }
        try (FirecrackerHypervisor firecracker = hypervisor(executable)) {
            assertThat(firecracker.running(plan)).isEmpty();
        }
        assertThat(half.waitFor()).isEqualTo(128 + 9);
        assertEmpty(plan);
    }

    @Test
    void noTwoMachinesUseOneDirectory() throws IOException {
        try (FirecrackerHypervisor firecracker = hypervisor(stage.firecracker());
                Machine first = firecracker.start(plan, Optional.empty());
                Machine second = firecracker.start(plan, Optional.empty())) {
            assertThat(first.isAlive()).isFalse();
            assertThat(second.isAlive()).isTrue();
        }
    }

    @Test
    void whatFirecrackerSaysIsInTheFindingAndNothingIsLeft() throws IOException {
        try (FirecrackerHypervisor firecracker = hypervisor(stage.firecracker("-Dfault=PUT /actions"))) {
            assertThatThrownBy(() -> firecracker.start(plan, Optional.empty()))
                    .isInstanceOf(IsolationException.class)
                    .hasMessageContaining("PUT /actions")
                    .hasMessageContaining("400: refused for the test");
            assertThat(firecracker.running(plan)).isEmpty();
        }
        assertEmpty(plan);
    }

    @Test
    void anAnswerWithoutEndIsCutOff() throws IOException {
        try (FirecrackerHypervisor firecracker = hypervisor(stage.firecracker("-Dflood=PUT /vsock"))) {
            assertThatThrownBy(() -> firecracker.start(plan, Optional.empty()))
                    .isInstanceOf(IsolationException.class)
                    .hasMessageContaining("PUT /vsock")
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1000));
        }
    }

    @Test
    void aProgramThatEndsAtOnceIsQuoted() throws IOException {
        Path broken = stage.program("firecracker", "#!/bin/sh\necho no such instruction >&2\nexit 1\n");
        try (FirecrackerHypervisor firecracker = hypervisor(broken)) {
            assertThatThrownBy(() -> firecracker.start(plan, Optional.empty()))
                    .isInstanceOf(IsolationException.class)
                    .hasMessageContaining("no such instruction");
        }
        assertEmpty(plan);
    }

    @Test
    void whatCannotWorkIsRefusedBefore() throws IOException {
        assertThatThrownBy(() -> FirecrackerHypervisor.requireKvm(directory.resolve("kvm")))
                .isInstanceOf(IsolationException.class)
                .hasMessageContaining("is not there")
                .hasMessageContaining("QEMU does without");
        assertThatThrownBy(() -> hypervisor(directory.resolve("none"))).isInstanceOf(IsolationException.class);
        try (FirecrackerHypervisor firecracker = hypervisor(stage.firecracker())) {
            MachinePlan withUid = stage.plan("m2", "workspace", Optional.of(100_000L));
            assertThatThrownBy(() -> firecracker.start(withUid, Optional.empty()))
                    .isInstanceOf(IllegalArgumentException.class);
            Files.write(plan.kernel(), new byte[10]);
            assertThatThrownBy(() -> firecracker.start(plan, Optional.empty()))
                    .isInstanceOf(IsolationException.class)
                    .hasMessageContaining("vmlinux");
        }
    }

    /** The jailer here is a script that only goes to its directory. The base's path is longer than a socket's address may be. */
    @Test
    void aJailedLifeIsTheSame() throws IOException {
        long uid = ((Number) Files.getAttribute(directory, "unix:uid")).longValue();
        assumeTrue(uid == 0, "a network namespace needs root");
        Path base = Files.createDirectories(directory.resolve("a-long-name".repeat(10)));
        Path saved = Files.createDirectory(directory.resolve("saved"));
        plan = stage.plan("m1", "workspace", Optional.of(uid));
        Installation installation = new Installation(
                stage.firecracker(), Optional.of(new Installation.Jail(stage.jailer(), base, Optional.empty())));
        try (FirecrackerHypervisor firecracker = FirecrackerHypervisor.openWithoutKvm(installation, PATIENCE)) {
            try (Machine machine = firecracker.start(plan, Optional.empty())) {
                Path root = Place.of(installation, plan).root();
                assertThat(Files.isSameFile(root.resolve("disk1"), directory.resolve("workspace")))
                        .isTrue();
                assertThat(Files.isSymbolicLink(root.resolve("disk1"))).isFalse();
                assertThat(Files.readSymbolicLink(Path.of("/proc/" + machine.pid() + "/ns/net")))
                        .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/net")));
                assertEchoes(machine);
                assertThat(firecracker.running(plan).map(Machine::pid)).contains(machine.pid());
                machine.save(saved);
            }
            assertEmpty(plan);
            try (Machine machine = firecracker.start(plan, Optional.of(saved))) {
                assertEchoes(machine);
            }
        }
        try (Stream<Path> left = Files.list(base.resolve("firecracker"))) {
            assertThat(left).isEmpty();
        }
        assertThat(directory.resolve("workspace")).hasContent("workspace");
        assertThat(List.of(Place.SAVED_STATE, Place.SAVED_MEMORY)).allMatch(name -> Files.exists(saved.resolve(name)));
    }
}
