package dev.cloister.isolation.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.tck.contract.ContractStage;
import dev.cloister.isolation.tck.contract.SandboxContract;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Virtual machines, by QEMU without hardware, keep the contract of all modes, and are mended when somebody broke them. */
@EnabledIf("dev.cloister.isolation.microvm.TestMachines#areThere")
class MicroVmContractTest extends SandboxContract {
    private static final SandboxLimits LIMITS = new SandboxLimits(256 << 20, 2, 100, 64 << 20, 1024);

    @Override
    protected IsolationProvider provider() {
        return new MicroVmProvider();
    }

    @Override
    protected Map<String, String> options() {
        return TestMachines.options();
    }

    @Override
    protected Set<Guarantee> promises() {
        return EnumSet.complementOf(EnumSet.of(
                Guarantee.CREDENTIAL_NEVER_INSIDE, Guarantee.WORKSPACE_CODE_NOT_RUN, Guarantee.TOOL_POLICY_ENFORCED));
    }

    @Override
    protected SandboxLimits limits() {
        return LIMITS;
    }

    /** The hypervisors' processes of this stage. */
    private List<ProcessHandle> machines() {
        String place =
                stage.backend() instanceof MicroVmBackend own ? own.place().toString() : "none";
        return ProcessHandle.allProcesses()
                .filter(process -> {
                    try {
                        return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"))
                                .contains(place + "/");
                    } catch (IOException e) {
                        return false;
                    }
                })
                .toList();
    }

    private ProcessHandle machine() {
        assertThat(machines()).hasSize(1);
        return machines().getFirst();
    }

    @Test
    void eachMachineRunsAsItsTenantInANetworkOfItsOwn() throws Exception {
        Path process = Path.of("/proc", Long.toString(machine().pid()));
        if (ProcessHandle.current().info().user().orElse("").equals("root")) {
            assertThat(Files.readAllLines(process.resolve("status")))
                    .anyMatch(line -> line.startsWith("Uid:\t" + ContractStage.FIRST_UID + "\t"))
                    .contains("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2");
            assertThat(Files.readSymbolicLink(process.resolve("ns/net")))
                    .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/net")));
        }
    }

    /** See Qemu: two that are translated hang. */
    @Test
    void aMachineWithoutHardwareHasOneProcessor() throws Exception {
        assertThat(ContractStage.shell(sandbox, "nproc").stdout()).isEqualTo("1\n");
    }

    @Test
    void aMachineWhoseProcessWasKilledIsStartedAnew() throws Exception {
        ContractStage.shell(sandbox, "echo kept > file; sync");
        SandboxProcess lost = start("exec sleep 1000");
        machine().destroyForcibly();
        assertThat(lost.await()).isEqualTo(new ExitStatus.Signalled(9));
        assertThat(ContractStage.shell(sandbox, "cat file").stdout()).isEqualTo("kept\n");
        machine();
    }

    /** The server before is not closed: it was killed. */
    @Test
    void whatAKilledServerLeftIsTakenOverAndNoneIsDoubled() throws Exception {
        Sandbox other = stage.sandbox("b", ContractStage.FIRST_UID + 1);
        Sandbox third = stage.sandbox("c", ContractStage.FIRST_UID + 2);
        List<Long> before = machines().stream().map(ProcessHandle::pid).sorted().toList();
        assertThat(before).hasSize(3);
        ContractStage.shell(sandbox, "echo kept > file");
        MicroVmBackend killed = (MicroVmBackend) stage.backend();
        SandboxProcess process = start("exec sleep 1000");
        killed.die();
        assertThat(process.await()).isEqualTo(new ExitStatus.Signalled(9));
        stage.reopen();
        for (SandboxRef ref : List.of(sandbox.ref(), other.ref(), third.ref())) {
            stage.backend().recover(ref).orElseThrow().close();
        }
        Sandbox again = stage.sandbox("a", ContractStage.FIRST_UID);
        assertThat(ContractStage.shell(again, "cat file").stdout()).isEqualTo("kept\n");
        assertThat(machines().stream().map(ProcessHandle::pid).sorted().toList())
                .isEqualTo(before);
        stage.backend().close();
        assertThat(before).noneMatch(pid -> ProcessHandle.of(pid).isPresent());
    }

    @Test
    void machinesFromOneStateHaveTimeAndRandomnessOfTheirOwn() throws Exception {
        Sandbox other = stage.sandbox("b", ContractStage.FIRST_UID + 1);
        String script = "cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | od -An -tx1";
        assertThat(ContractStage.shell(sandbox, script).stdout())
                .isNotEqualTo(ContractStage.shell(other, script).stdout());
        long inside =
                Long.parseLong(ContractStage.shell(sandbox, "date +%s").stdout().strip());
        assertThat(inside).isBetween(System.currentTimeMillis() / 1000 - 30, System.currentTimeMillis() / 1000 + 30);
    }

    @Test
    void whatStoodInTheWorkspaceBeforeMovesIn() throws Exception {
        var tenant = stage.tenant("m", ContractStage.FIRST_UID + 3);
        Files.writeString(tenant.work().resolve("before"), "kept\n");
        Sandbox moved = stage.backend().prepare(tenant);
        assertThat(ContractStage.shell(moved, "cat before; id -u > mine; stat -c %u before mine")
                        .stdout())
                .isEqualTo("kept\n%1$d\n%1$d\n".formatted(tenant.uid()));
        try (Stream<Path> left = Files.list(tenant.work())) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aFullDiskIsAnErrorInsideAndNothingElse() throws Exception {
        ContractStage.Output full = ContractStage.shell(
                sandbox, "echo kept > file; head -c 400M /dev/zero > big; echo $?; rm big; cat file");
        assertThat(full.stderr()).contains("No space left on device");
        assertThat(full.stdout()).isEqualTo("1\nkept\n");
        assertThat(ContractStage.shell(sandbox, "echo on > file; cat file").stdout())
                .isEqualTo("on\n");
    }

    @Test
    void memoryIsBoundedAndTheNextCommandRuns() throws Exception {
        ContractStage.Output bomb =
                ContractStage.run(sandbox, Map.of(), "/usr/bin/python3", "-c", "x = b'x' * (400 << 20); print(len(x))");
        assertThat(bomb.status()).isEqualTo(new ExitStatus.OutOfMemory());
        assertThat(ContractStage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
        Usage usage = sandbox.usage().orElseThrow();
        assertThat(usage.oomKills()).isPositive();
        assertThat(usage.cpu()).isPositive();
    }

    @Test
    void namesWithoutContentAreBounded() throws Exception {
        requireBoundedNames();
    }

    @Test
    void processesAreBounded() throws Exception {
        ContractStage.Output bomb = ContractStage.shell(sandbox, "for i in $(seq 300); do sleep 100 & echo $i; done");
        assertThat(bomb.stdout().lines().count()).isLessThan(100);
        assertThat(ContractStage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
    }

    @Test
    void aServerInsideIsReached() throws Exception {
        SandboxProcess server = sandbox.launch(new ProcessSpec(
                        List.of(
                                "/usr/bin/python3",
                                "-c",
                                "import socket; s = socket.create_server(('127.0.0.1', 8000)); print(1, flush=True); "
                                        + "c, _ = s.accept(); c.send(c.recv(5)); c.close()"),
                        Map.of(),
                        sandbox.paths().work())
                .withExposed());
        assertThat(server.stdout().read()).isEqualTo('1');
        try (SocketChannel channel = sandbox.connect(8000).orElseThrow()) {
            Channels.newOutputStream(channel).write("hello".getBytes(StandardCharsets.UTF_8));
            assertThat(Channels.newInputStream(channel).readNBytes(5))
                    .isEqualTo("hello".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(sandbox.connect(8001)).isEmpty();
    }

    @Test
    void aDiskThatIsNoneIsAClearErrorAndStaysAsItIs() throws Exception {
        var tenant = stage.tenant("d", ContractStage.FIRST_UID + 4);
        Files.write(tenant.disk(), new byte[1 << 20]);
        assertThatThrownBy(() -> stage.backend().prepare(tenant))
                .isInstanceOf(IsolationException.class)
                .hasMessageContaining("e2fsck");
        assertThat(tenant.disk()).hasSize(1 << 20);
    }
}
