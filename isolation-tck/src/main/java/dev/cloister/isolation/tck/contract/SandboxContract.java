package dev.cloister.isolation.tck.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.tck.contract.ContractStage.Output;
import dev.cloister.spi.Availability;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a sandbox does, in whatever mode. */
public abstract class SandboxContract {
    /** One for all tests, which need the same and would each wait for it. */
    private static final Path JAILS = ContractStage.jails();

    @SuppressWarnings("NullAway.Init") // see open()
    protected ContractStage stage;

    @SuppressWarnings("NullAway.Init") // see open()
    protected Sandbox sandbox;

    /** The mode under test. */
    protected abstract IsolationProvider provider();

    /** What the mode asks of the operator. */
    protected Map<String, String> options() {
        return Map.of();
    }

    /** What the probe has to find on the host of the tests. */
    protected abstract Set<Guarantee> promises();

    protected SandboxLimits limits() {
        return ContractStage.LIMITS;
    }

    @BeforeEach
    void open() throws IOException {
        stage = new ContractStage(provider(), options(), limits(), JAILS);
        sandbox = stage.sandbox("a", ContractStage.FIRST_UID);
    }

    @AfterEach
    void close() {
        stage.close();
    }

    /** A shell with a script. */
    protected final SandboxProcess start(String script) {
        return sandbox.launch(new ProcessSpec(
                List.of("/bin/sh", "-c", script), Map.of(), sandbox.paths().work()));
    }

    /** For modes in which the commands of a tenant share what is in memory, and names in it. */
    protected final void requireBoundedNames() throws Exception {
        for (String place : List.of("/tmp", "/dev/shm")) {
            String count = ContractStage.shell(
                            sandbox,
                            "cd %s; i=0; while [ $i -lt 30000 ] && true > n$i; do i=$((i+1)); done; ls | wc -l"
                                    .formatted(place))
                    .stdout()
                    .strip();
            assertThat(Integer.parseInt(count)).isBetween(10_000, 17_000);
        }
    }

    @Test
    void reportsHowACommandEnded() throws Exception {
        assertThat(ContractStage.shell(sandbox, "echo out; echo err >&2; exit 3"))
                .isEqualTo(new Output(new ExitStatus.Exited(3), "out\n", "err\n"));
        assertThat(ContractStage.shell(sandbox, "kill -9 $$").status()).isEqualTo(new ExitStatus.Signalled(9));
        assertThat(ContractStage.shell(sandbox, "exit 137").status()).isEqualTo(new ExitStatus.Exited(137));
        Output missing = ContractStage.run(sandbox, Map.of(), "/no/such/program");
        assertThat(missing.status()).isEqualTo(new ExitStatus.Exited(127));
        assertThat(missing.stderr()).contains("cannot run /no/such/program: No such file");
    }

    @Test
    void givesEachCommandAnEnvironmentOfItsOwn() throws Exception {
        Output output = ContractStage.run(sandbox, Map.of("SECRET", "s = 1\nt", "LANG", "C"), "/usr/bin/env", "-0");
        assertThat(output.stdout().split("\0"))
                .containsExactlyInAnyOrder(
                        "SECRET=s = 1\nt",
                        "LANG=C",
                        "GIT_CONFIG_NOSYSTEM=1",
                        "USER=agent",
                        "LOGNAME=agent",
                        "SHELL=/bin/bash",
                        "PATH=/usr/local/bin:/usr/bin:/bin",
                        "HOME=" + sandbox.paths().home(),
                        Stream.of(output.stdout().split("\0"))
                                .filter(entry -> entry.startsWith("TMPDIR="))
                                .findFirst()
                                .orElseThrow());
    }

    @Test
    void noEnvironmentIsTooLargeOrTooOdd() throws Exception {
        String large = "x".repeat(100_000);
        Output output = ContractStage.run(
                sandbox, Map.of("LARGE", large, "LD_PRELOAD", "/no/such/library.so", "EMPTY", ""), "/usr/bin/env");
        assertThat(output.stdout()).contains("LARGE=" + large).contains("EMPTY=\n");
    }

    @Test
    void leavesNothingOfATemporaryDirectory() throws Exception {
        Output output = ContractStage.shell(
                sandbox, "mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/c; chmod 000 $TMPDIR/a/b $TMPDIR/a; echo $TMPDIR");
        assertThat(output.status()).isEqualTo(new ExitStatus.Exited(0));
        assertThat(ContractStage.shell(sandbox, "ls -A $TMPDIR").stdout()).isEmpty();
        assertThat(ContractStage.shell(sandbox, "find " + output.stdout().strip() + " -name c 2>/dev/null")
                        .stdout())
                .isEmpty();
        try (Stream<Path> left = Files.list(stage.root.resolve("a/tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void inputAndOutputPassWhole() throws Exception {
        byte[] all = new byte[2 << 20];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) (i * 31 + (i >> 9));
        }
        SandboxProcess cat = start("cat");
        Thread.ofPlatform().start(() -> {
            try (var in = cat.stdin()) {
                in.write(all);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        assertThat(cat.stdout().readAllBytes()).isEqualTo(all);
        cat.stderr().close();
        assertThat(cat.await()).isEqualTo(new ExitStatus.Exited(0));
    }

    @Test
    void killsWhatACommandLeavesBehind() throws Exception {
        String unlike = "7" + System.nanoTime();
        ContractStage.shell(
                sandbox,
                "setsid sleep %1$s >/dev/null 2>&1 & (setsid sh -c 'sleep %1$s & sleep %1$s' >/dev/null 2>&1 &)"
                        .formatted(unlike));
        assertThat(running(unlike)).isZero();
    }

    @Test
    void terminateEndsTheWholeTree() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process = start(
                "trap '' TERM; setsid sleep %1$s >/dev/null & sleep %1$s & echo end; wait; wait".formatted(unlike));
        readUntil(process, "end\n");
        assertThat(running(unlike)).isPositive();
        process.terminate(Duration.ofMillis(50));
        assertThat(process.await()).isEqualTo(new ExitStatus.Cancelled());
        assertThat(running(unlike)).isZero();
        assertThat(process.isAlive()).isFalse();
        process.terminate(Duration.ZERO);
    }

    @Test
    void terminateAsksFirst() throws Exception {
        SandboxProcess process = start("trap 'echo asked; exit 0' TERM; echo end; while :; do sleep 0.01; done");
        readUntil(process, "end\n");
        process.terminate(Duration.ofSeconds(20));
        assertThat(new String(process.stdout().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("asked\n");
    }

    /** It may take whoever watches over it along, but nobody that it started may be left. */
    @Test
    void aCommandCannotOutliveItsTurnByAttackingItsSupervisor() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process =
                start("setsid sleep %s >/dev/null 2>&1 & kill -STOP $PPID; kill -9 $PPID; kill -9 1; exit 5"
                        .formatted(unlike));
        process.stdin().close();
        process.stdout().readAllBytes();
        process.stderr().readAllBytes();
        assertThat(process.await()).isIn(new ExitStatus.Exited(5), new ExitStatus.Signalled(9));
        assertThat(running(unlike)).isZero();
        assertThat(ContractStage.shell(sandbox, "echo on").stdout()).isEqualTo("on\n");
    }

    @Test
    void closeEndsEverything() throws Exception {
        List<SandboxProcess> processes = new ArrayList<>();
        String unlike = "7" + System.nanoTime();
        for (int i = 0; i < 10; i++) {
            processes.add(start("exec sleep " + unlike));
        }
        sandbox.close();
        sandbox.close();
        for (SandboxProcess process : processes) {
            assertThat(process.await()).isEqualTo(new ExitStatus.Cancelled());
        }
        assertThat(runningOnHost(unlike)).isZero();
        try (Stream<Path> left = Files.list(stage.root.resolve("a/tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aSandboxCanBeMadeAgain() throws Exception {
        ContractStage.shell(sandbox, "echo kept > file; touch /tmp/gone");
        sandbox.close();
        Sandbox again = stage.sandbox("a", ContractStage.FIRST_UID);
        assertThat(ContractStage.shell(again, "cat file; ls /tmp/gone").stdout())
                .isEqualTo("kept\n");
        again.close();
    }

    @Test
    void whatTheSandboxBeforeUsedIsNotCountedAgain() throws Exception {
        String work = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";
        assertThat(ContractStage.shell(sandbox, work).status()).isEqualTo(new ExitStatus.Exited(0));
        Duration first = used();
        sandbox.close();
        sandbox = stage.sandbox("a", ContractStage.FIRST_UID);
        assertThat(used()).isZero();
        ContractStage.shell(sandbox, "true");
        // Where nothing is counted, both are zero.
        assertThat(used()).isLessThanOrEqualTo(first.dividedBy(2));
    }

    private Duration used() {
        return sandbox.usage().map(Usage::cpu).orElse(Duration.ZERO);
    }

    @Test
    void aShareCanBeUsedButNotChanged() throws Exception {
        try (SharedDirectory share = sandbox.share()) {
            String file = share.publish("note", "hello".getBytes(StandardCharsets.UTF_8));
            assertThat(ContractStage.shell(sandbox, "cat " + file).stdout()).isEqualTo("hello");
            Output change = ContractStage.shell(
                    sandbox,
                    "echo x > %1$s; rm -f %1$s; touch %2$s/new; mv %2$s %2$s.2".formatted(file, share.inner()));
            assertThat(change.stdout()).isEmpty();
            assertThat(ContractStage.shell(sandbox, "cat %1$s; ls %2$s/new".formatted(file, share.inner()))
                            .stdout())
                    .isEqualTo("hello");
        }
    }

    @Test
    void aSocketInAShareIsReached() throws Exception {
        try (SharedDirectory share = sandbox.share();
                ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            Path socket = share.host().resolve("s");
            listener.bind(UnixDomainSocketAddress.of(socket));
            share.admit(socket);
            SandboxProcess client = sandbox.launch(new ProcessSpec(
                    List.of(
                            "/usr/bin/python3",
                            "-c",
                            "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b'hello')",
                            share.inner() + "/s"),
                    Map.of(),
                    sandbox.paths().work()));
            try (SocketChannel one = listener.accept()) {
                assertThat(Channels.newInputStream(one).readNBytes(5)).isEqualTo("hello".getBytes());
            }
            client.stdout().close();
            client.stderr().close();
            assertThat(client.await()).isEqualTo(new ExitStatus.Exited(0));
        }
    }

    @Test
    void aTenantHasTheIdsThatItWasGiven() throws Exception {
        long uid = sandbox.ref().uid();
        assertThat(ContractStage.shell(sandbox, "id -u; id -g").stdout()).isEqualTo("%1$d\n%1$d\n".formatted(uid));
    }

    @Test
    void tenantsAreApart() throws Exception {
        Sandbox other = stage.sandbox("b", ContractStage.FIRST_UID + 1);
        ContractStage.shell(sandbox, "echo s3cret > file");
        assertThat(ContractStage.shell(sandbox, "cat file").stdout()).isEqualTo("s3cret\n");
        Path work = stage.root.resolve("a/work");
        Output attack = ContractStage.shell(other, "cat %1$s/file; ls %1$s; echo x > %1$s/file".formatted(work));
        assertThat(attack.stdout()).isEmpty();
        assertThat(attack.stderr()).containsAnyOf("Permission denied", "No such file", "nonexistent directory");
        assertThat(ContractStage.shell(sandbox, "cat file").stdout()).isEqualTo("s3cret\n");
    }

    @Test
    void theProbeFindsAllThatTheModePromises() throws IOException {
        Availability found = provider().probe(stage.config, stage.host);
        assertThat(found.holds()).as(found.toString()).containsAll(promises());
        try (Stream<Path> left = Files.list(stage.host.scratch())) {
            assertThat(left).as("what the probe left").isEmpty();
        }
    }

    @Test
    void aClosedSandboxStartsNothing() {
        sandbox.close();
        assertThatThrownBy(() -> start("true"))
                .isInstanceOf(IsolationException.class)
                .hasMessageContaining("closed");
    }

    /** How many processes have this word in their arguments, on the host or as another command of the tenant's sees them. */
    protected final long running(String word) throws Exception {
        String inside = ContractStage.shell(
                        sandbox,
                        "grep -lE '%s[%s]' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"
                                .formatted(word.substring(0, word.length() - 1), word.substring(word.length() - 1)))
                .stdout()
                .strip();
        return Math.max(runningOnHost(word), Long.parseLong(inside));
    }

    private static long runningOnHost(String word) throws IOException {
        long count = 0;
        try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path entry : entries) {
                try {
                    if (Files.readString(entry.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                            .contains(word)) {
                        count++;
                    }
                } catch (IOException e) {
                    // It ended while we looked.
                    continue;
                }
            }
        }
        return count;
    }

    private static void readUntil(SandboxProcess process, String end) throws IOException {
        StringBuilder seen = new StringBuilder();
        while (!seen.toString().endsWith(end)) {
            int next = process.stdout().read();
            if (next < 0) {
                throw new IOException("it ended and said only " + seen);
            }
            seen.append((char) next);
        }
    }
}
