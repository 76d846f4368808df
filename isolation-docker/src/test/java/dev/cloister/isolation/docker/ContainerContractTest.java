package dev.cloister.isolation.docker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.tck.contract.ContractStage;
import dev.cloister.isolation.tck.contract.SandboxContract;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Containers keep the contract of all modes, by the engine's own runtime and by gVisor, and mend what somebody broke. */
@EnabledIf("dev.cloister.isolation.docker.TestEngine#isThere")
class ContainerContractTest {
    abstract static class ByRuntime extends SandboxContract {
        private static final SandboxLimits LIMITS = new SandboxLimits(256 << 20, 2, 100, 64 << 20, 1024);

        private final String runtime;

        ByRuntime(String runtime) {
            this.runtime = runtime;
        }

        @Override
        protected IsolationProvider provider() {
            return new ContainerProvider();
        }

        @Override
        protected Map<String, String> options() {
            return TestEngine.options(runtime);
        }

        @Override
        protected Set<Guarantee> promises() {
            return EnumSet.complementOf(EnumSet.of(
                    Guarantee.CREDENTIAL_NEVER_INSIDE,
                    Guarantee.WORKSPACE_CODE_NOT_RUN,
                    Guarantee.TOOL_POLICY_ENFORCED));
        }

        @Override
        protected SandboxLimits limits() {
            return LIMITS;
        }

        /** This server's own containers, as the engine knows them. */
        private List<Engine.Known> containers(Engine engine) {
            return engine.containers(((ContainerBackend) stage.backend()).installation());
        }

        private Engine engine() {
            return DockerEngine.at(options().getOrDefault("container.engine", ""));
        }

        @Test
        void whoWatchesOverEverythingCanBeKilledAndNothingIsLeft() throws Exception {
            String unlike = "7" + System.nanoTime();
            SandboxProcess process =
                    start("setsid sleep %1$s >/dev/null 2>&1 & kill -9 -1; exec sleep %1$s".formatted(unlike));
            process.stdout().readAllBytes();
            process.stderr().readAllBytes();
            process.terminate(Duration.ZERO);
            assertThat(process.isAlive()).isFalse();
            assertThat(running(unlike)).isZero();
            assertThat(ContractStage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
        }

        @Test
        void whatWasLeftInMemoryIsGoneAtTheNextUse() throws Exception {
            ContractStage.shell(sandbox, "mkdir -m 0 /dev/shm/left /tmp/left; touch /dev/shm/.hidden");
            sandbox.close();
            Sandbox again = stage.sandbox("a", ContractStage.FIRST_UID);
            assertThat(ContractStage.shell(again, "ls -A /dev/shm; ls -A /tmp | grep left")
                            .stdout())
                    .isEmpty();
        }

        @Test
        void aContainerThatSomebodyRemovedIsMadeAnew() throws Exception {
            ContractStage.shell(sandbox, "echo kept > file");
            try (Engine engine = engine()) {
                SandboxProcess lost = start("exec sleep 1000");
                engine.remove(containers(engine).getFirst().id());
                assertThat(lost.await()).isEqualTo(new ExitStatus.Signalled(9));
                assertThat(ContractStage.shell(sandbox, "cat file").stdout()).isEqualTo("kept\n");
                assertThat(containers(engine)).hasSize(1);
            }
        }

        @Test
        void aContainerThatSomebodyStoppedIsStarted() throws Exception {
            try (Engine engine = engine()) {
                String id = containers(engine).getFirst().id();
                SandboxProcess lost = start("exec sleep 1000");
                engine.kill(id);
                // A command in the very moment before this is known ends with an error.
                assertThat(lost.await()).isEqualTo(new ExitStatus.Signalled(9));
                assertThat(ContractStage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
                assertThat(containers(engine)).extracting(Engine.Known::id).containsExactly(id);
            }
        }

        /** The server before is not closed: it was killed, and what it left is a container in which things run. */
        @Test
        void whatAKilledServerLeftIsTakenOverAndNoneIsDoubled() throws Exception {
            List<String> before = new ArrayList<>();
            try (Engine engine = engine()) {
                Sandbox other = stage.sandbox("b", ContractStage.FIRST_UID + 1);
                ContractStage.shell(other, "true");
                containers(engine).forEach(known -> before.add(known.id()));
                ContainerBackend killed = (ContainerBackend) stage.backend();
                SandboxProcess process = start("exec sleep 1000");
                killed.die();
                assertThat(process.await()).isEqualTo(new ExitStatus.Signalled(9));
                stage.reopen();
                SandboxRef ref = sandbox.ref();
                stage.backend().recover(ref).orElseThrow().close();
                Sandbox again = stage.sandbox("a", ContractStage.FIRST_UID);
                assertThat(ContractStage.shell(again, "echo on").stdout()).isEqualTo("on\n");
                assertThat(containers(engine)).extracting(Engine.Known::id).containsExactlyInAnyOrderElementsOf(before);
                stage.backend().close();
                assertThat(containers(engine)).isEmpty();
            }
        }

        @Test
        void oneThatNobodyUsesIsStoppedAndMuchLaterRemoved(@TempDir Path directory) throws Exception {
            try (Engine engine = engine()) {
                ContainerOptions options = new ContainerOptions(
                        options().getOrDefault("container.engine", ""),
                        options().getOrDefault("container.image", ""),
                        Optional.of(runtime),
                        Duration.ofMillis(200));
                String installation = "idle-" + System.nanoTime();
                try (ContainerBackend backend = new ContainerBackend(
                        DockerEngine.at(options.engine()), options, config(directory), installation, true)) {
                    SandboxSpec tenant = stage.tenant("idle", ContractStage.FIRST_UID + 2);
                    try (Sandbox idle = backend.prepare(tenant)) {
                        assertThat(ContractStage.shell(idle, "echo kept > file; echo on")
                                        .stdout())
                                .isEqualTo("on\n");
                        assertThat(engine.containers(installation)).hasSize(1);
                    }
                    while (!engine.containers(installation).isEmpty()) {
                        Thread.sleep(100);
                    }
                    try (Sandbox again = backend.prepare(tenant)) {
                        assertThat(ContractStage.shell(again, "cat file").stdout())
                                .isEqualTo("kept\n");
                    }
                }
                assertThat(engine.containers(installation)).isEmpty();
            }
        }

        private IsolationConfig config(Path directory) throws IOException {
            Set<PosixFilePermission> walked = PosixFilePermissions.fromString("rwx--x--x");
            Path run = Files.createDirectory(directory.resolve("run"));
            Path jails = Files.createDirectory(directory.resolve("jails"));
            for (Path each : List.of(directory, run, jails)) {
                Files.setPosixFilePermissions(each, walked);
            }
            return new IsolationConfig(run, List.of(), LIMITS, Optional.empty(), jails, options());
        }

        @Test
        void memoryIsBoundedAndTheNextCommandRuns() throws Exception {
            ContractStage.Output bomb = ContractStage.run(
                    sandbox, Map.of(), "/usr/bin/python3", "-c", "x = b'x' * (400 << 20); print(len(x))");
            assertThat(bomb.stdout()).isEmpty();
            assertThat(bomb.status()).isNotEqualTo(new ExitStatus.Exited(0));
            assertThat(ContractStage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
        }

        @Test
        void processesAreBounded() throws Exception {
            SandboxProcess beside = start("read word; echo $word");
            ContractStage.Output bomb =
                    ContractStage.shell(sandbox, "for i in $(seq 300); do sleep 100 & echo $i; done");
            assertThat(bomb.stdout().lines().count()).isBetween(50L, (long) LIMITS.pids());
            ContractStage.Output threads = ContractStage.run(sandbox, Map.of(), "/usr/bin/python3", "-c", """
                    import threading
                    over = threading.Event()
                    threads = [threading.Thread(target=over.wait, daemon=True) for _ in range(300)]
                    count = 0
                    try:
                        for thread in threads: thread.start(); count += 1
                    except RuntimeError:
                        print(count)
                    over.set()
                    """);
            assertThat(Integer.parseInt(threads.stdout().strip())).isBetween(50, LIMITS.pids());
            // Nothing else of the tenant's ends by it.
            beside.stdin().write("on\n".getBytes(StandardCharsets.UTF_8));
            beside.stdin().close();
            assertThat(new String(beside.stdout().readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("on\n");
        }

        @Test
        void whatWasUsedIsCounted() throws Exception {
            ContractStage.run(sandbox, Map.of(), "/usr/bin/python3", "-c", "sum(range(20_000_000))");
            Usage usage = sandbox.usage().orElseThrow();
            assertThat(usage.cpu()).isBetween(Duration.ofMillis(100), Duration.ofMinutes(5));
            assertThat(usage.memory()).isPositive();
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
            Optional<SocketChannel> connection = sandbox.connect(8000);
            try (SocketChannel channel = connection.orElseThrow()) {
                Channels.newOutputStream(channel).write("hello".getBytes(StandardCharsets.UTF_8));
                assertThat(Channels.newInputStream(channel).readNBytes(5))
                        .isEqualTo("hello".getBytes(StandardCharsets.UTF_8));
            }
            assertThat(sandbox.connect(8001)).isEmpty();
        }
    }

    @Nested
    class ByRunc extends ByRuntime {
        ByRunc() {
            super("runc");
        }

        /** gVisor bounds the memory that they take, and not their number. */
        @Test
        void namesWithoutContentAreBounded() throws Exception {
            requireBoundedNames();
        }
    }

    /** A container takes a second there; see CONTRIBUTING.md. */
    @Nested
    @Tag("slow")
    class ByGvisor extends ByRuntime {
        ByGvisor() {
            super("runsc");
        }
    }
}
