package dev.cloister.isolation.local.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Forward;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxProcess;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
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
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The guest's program and the server's side of it, over two pipes on this machine. With {@code CLOISTER_TEST_LAUNCHER} naming a
 * build of the launcher with sanitizers, the guest beside it is tried as well.
 */
@ParameterizedClass
@MethodSource("builds")
class GuestTest {
    private static final String SHIPPED = "shipped";
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private record Output(ExitStatus status, String stdout, String stderr) {}

    @Parameter
    String build = SHIPPED;

    @TempDir
    Path directory;

    private final CountDownLatch lost = new CountDownLatch(1);

    @SuppressWarnings("NullAway.Init") // see open()
    private Process program;

    @SuppressWarnings("NullAway.Init") // see open()
    private Guest guest;

    static Stream<String> builds() {
        return Stream.concat(
                Stream.of(SHIPPED),
                Stream.ofNullable(System.getenv("CLOISTER_TEST_LAUNCHER"))
                        .map(path -> Path.of(path)
                                .resolveSibling("cloister-guest-sanitized")
                                .toString()));
    }

    @BeforeEach
    void open() throws IOException {
        Path file = build.equals(SHIPPED) ? Launcher.unpack("cloister-guest", directory) : Path.of(build);
        ProcessBuilder builder = new ProcessBuilder(file.toString()).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("ASAN_OPTIONS", "detect_leaks=0");
        program = builder.start();
        guest = Guest.open(
                program.getInputStream(),
                program.getOutputStream(),
                Launcher.unpack("cloister-launch", directory),
                PATIENCE,
                lost::countDown);
    }

    @AfterEach
    void close() throws InterruptedException {
        guest.close();
        assertThat(program.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    private SandboxProcess start(Map<String, String> environment, String... command) {
        return guest.launch(LaunchPlan.bare(Optional.empty(), environment, List.of(command)), UnaryOperator.identity());
    }

    private SandboxProcess shell(String script, String... arguments) {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", script, "sh"));
        command.addAll(List.of(arguments));
        return start(Map.of("PATH", "/usr/bin:/bin"), command.toArray(String[]::new));
    }

    private static Output output(SandboxProcess process) throws Exception {
        process.stdin().close();
        CompletableFuture<String> err = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> err.complete(text(process.stderr())));
        String out = text(process.stdout());
        return new Output(process.await(), out, err.get(20, TimeUnit.SECONDS));
    }

    private static String text(InputStream in) {
        try {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Test
    void reportsHowACommandEnded() throws Exception {
        assertThat(output(shell("echo out; echo err >&2; exit 3")))
                .isEqualTo(new Output(new ExitStatus.Exited(3), "out\n", "err\n"));
        assertThat(output(shell("kill -9 $$")).status()).isEqualTo(new ExitStatus.Signalled(9));
        assertThat(output(shell("exit 137")).status()).isEqualTo(new ExitStatus.Exited(137));
        assertThat(output(start(Map.of(), "/no/such/program")).stderr()).contains("cannot run /no/such/program");
    }

    @Test
    void aCommandHasItsOwnEnvironmentAndNoOtherDescriptors() throws Exception {
        String large = "x".repeat(100_000);
        assertThat(output(start(Map.of("LARGE", large), "/usr/bin/env")).stdout())
                .isEqualTo("LARGE=" + large + "\n");
        // The one that lists them has a descriptor of its own.
        assertThat(output(shell("ls /proc/self/fd")).stdout().lines()).containsExactly("0", "1", "2", "3");
    }

    @Test
    void aLayerThatCannotBeAppliedIsNamed() {
        LaunchPlan plan = LaunchPlan.bare(Optional.empty(), Map.of(), List.of("/bin/true"))
                .withCgroups(List.of(directory.resolve("none/cgroup.procs")));
        assertThatThrownBy(() -> guest.launch(plan, UnaryOperator.identity()))
                .isInstanceOf(IsolationException.class)
                .hasMessageContaining("cgroup");
        assertThat(guest.isOpen()).isTrue();
    }

    @Test
    void inputAndOutputPassWholeInBothDirectionsAtOnce() throws Exception {
        byte[] all = new byte[3 << 20];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) (i * 31 + (i >> 8));
        }
        SandboxProcess cat = start(Map.of(), "/bin/cat");
        Thread.ofVirtual().start(() -> {
            try (OutputStream in = cat.stdin()) {
                in.write(all);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        assertThat(cat.stdout().readAllBytes()).isEqualTo(all);
        assertThat(cat.await()).isEqualTo(new ExitStatus.Exited(0));
    }

    @Test
    void whoDoesNotReadHoldsUpNobodyElse() throws Exception {
        SandboxProcess slow = shell("head -c 20000000 /dev/zero");
        assertThat(output(shell("echo quick")).stdout()).isEqualTo("quick\n");
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        slow.stdout().transferTo(all);
        assertThat(all.size()).isEqualTo(20_000_000);
        assertThat(slow.await()).isEqualTo(new ExitStatus.Exited(0));
    }

    @Test
    void anOutputThatNobodyWantsIsClosed() throws Exception {
        SandboxProcess endless = shell("yes; echo \"yes ended with $?\" >&2");
        endless.stdout().close();
        assertThat(text(endless.stderr())).contains("yes ended");
        assertThat(endless.await()).isEqualTo(new ExitStatus.Exited(0));
    }

    @Test
    void whatACommandLeavesEndsWithIt() throws Exception {
        String unlike = "7" + System.nanoTime();
        output(shell("setsid sleep $1 >/dev/null 2>&1 & (setsid sh -c 'sleep $1' sh $1 >/dev/null 2>&1 &)", unlike));
        assertThat(running(unlike)).isEmpty();
    }

    @Test
    void whoKillsItsLauncherGainsNothing() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process =
                shell("(setsid sleep $1 >/dev/null 2>&1 &); kill -9 $PPID; exec sleep $1 >/dev/null 2>&1", unlike);
        assertThat(output(process).status()).isEqualTo(new ExitStatus.Signalled(9));
        assertThat(running(unlike)).isEmpty();
        assertThat(output(shell("echo on")).stdout()).isEqualTo("on\n");
    }

    /** With several at a time now and then the launcher does not run between its command's start and its own end. */
    @Test
    void whoKillsItsLauncherInItsFirstMomentHasStarted() throws Exception {
        try (ExecutorService several = Executors.newFixedThreadPool(8)) {
            List<Callable<ExitStatus>> launches = Collections.nCopies(
                    400, () -> output(shell("kill -9 $PPID")).status());
            for (Future<ExitStatus> launch : several.invokeAll(launches)) {
                assertThat(launch.get()).isEqualTo(new ExitStatus.Signalled(9));
            }
        }
    }

    @Test
    void terminationTakesTheWholeTree() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process = shell("trap '' TERM; sleep $1 & setsid sleep $1 & echo up; wait", unlike);
        assertThat(process.stdout().read()).isEqualTo('u');
        process.terminate(Duration.ofMillis(50));
        assertThat(process.await()).isEqualTo(new ExitStatus.Cancelled());
        assertThat(running(unlike)).isEmpty();
    }

    @Test
    void theMemoryOfATreeIsMeasured() throws Exception {
        SandboxProcess process =
                start(Map.of(), "/usr/bin/python3", "-c", "x = bytearray(60 << 20); print(1, flush=True); input()");
        assertThat(process.stdout().read()).isEqualTo('1');
        assertThat(process.memory().orElseThrow()).isBetween(60L << 20, 100L << 20);
        assertThat(output(process).status()).isInstanceOf(ExitStatus.Exited.class);
        assertThat(process.memory()).isEmpty();
    }

    @Test
    void theServersEndIsTheEndOfEverything() throws Exception {
        String unlike = "7" + System.nanoTime();
        SandboxProcess process = shell("setsid sleep $1 & exec sleep $1", unlike);
        guest.close();
        assertThat(program.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.await()).isEqualTo(new ExitStatus.Signalled(9));
        // One that is just being executed has no arguments for a moment.
        for (int look = 0, empty = 0; look < 800 && empty < 5; look++) {
            empty = running(unlike).isEmpty() ? empty + 1 : 0;
            Thread.sleep(5);
        }
        assertThat(running(unlike)).isEmpty();
        assertThat(lost.getCount()).isEqualTo(1);
        assertThatThrownBy(() -> shell("true")).isInstanceOf(IsolationException.class);
    }

    @Test
    void theGuestsEndIsToldAtOnce() throws Exception {
        SandboxProcess process = shell("sleep 1000");
        program.destroyForcibly();
        assertThat(lost.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.await()).isEqualTo(new ExitStatus.Signalled(9));
        assertThat(process.stdout().read()).isEqualTo(-1);
        assertThat(guest.isOpen()).isFalse();
    }

    @Test
    void aPortInsideIsReached() throws Exception {
        try (ServerSocket inside = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> echo(inside));
            SocketChannel near =
                    guest.connect(inside.getLocalPort(), directory, PATIENCE).orElseThrow();
            byte[] said = "x".repeat(700_000).getBytes(StandardCharsets.UTF_8);
            Thread.ofVirtual().start(() -> {
                try {
                    Channels.newOutputStream(near).write(said);
                    near.shutdownOutput();
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertThat(Channels.newInputStream(near).readAllBytes()).isEqualTo(said);
            near.close();
        }
        int nobody;
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            nobody = closed.getLocalPort();
        }
        assertThat(guest.connect(nobody, directory, PATIENCE)).isEmpty();
    }

    private static void echo(ServerSocket server) {
        try (Socket one = server.accept()) {
            one.getOutputStream().write(one.getInputStream().readAllBytes());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aPortInsideLeadsToASocket() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        Path socket = directory.resolve("out");
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket));
            guest.forward(new Forward(port, socket.toString()));
            SandboxProcess client =
                    start(Map.of(), "/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + port + "; echo hello >&3");
            try (SocketChannel one = listener.accept()) {
                assertThat(Channels.newInputStream(one).readNBytes(6)).isEqualTo("hello\n".getBytes());
            }
            assertThat(output(client).status()).isEqualTo(new ExitStatus.Exited(0));
        }
    }

    /** However a conversation ends, nobody goes on remembering it. */
    @Test
    void nothingIsLeftOfWhatIsOver() throws Exception {
        output(shell("echo out"));
        SandboxProcess unread = shell("echo out; echo err >&2");
        assertThat(unread.await()).isEqualTo(new ExitStatus.Exited(0));
        unread.stdout().close();
        unread.stderr().close();
        try (ServerSocket inside = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            SocketChannel near =
                    guest.connect(inside.getLocalPort(), directory, PATIENCE).orElseThrow();
            inside.accept().close();
            near.close();
        }
        for (int look = 0; look < 400 && guest.conversations() > 0; look++) {
            Thread.sleep(5);
        }
        assertThat(guest.conversations()).isZero();
    }

    @Test
    void itIsNoGuestThatSpeaksAnotherLanguage() throws Exception {
        Process liar = new ProcessBuilder("/bin/sh", "-c", "head -c 100 /dev/zero; cat >/dev/null").start();
        assertThatThrownBy(() -> Guest.open(
                        liar.getInputStream(), liar.getOutputStream(), directory, Duration.ofSeconds(5), () -> {}))
                .isInstanceOf(IOException.class);
        liar.destroyForcibly();
    }

    private static List<Long> running(String argument) throws IOException {
        List<Long> found = new ArrayList<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path entry : entries) {
                try {
                    if (Files.readString(entry.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                            .contains(argument)) {
                        found.add(Long.parseLong(entry.getFileName().toString()));
                    }
                } catch (IOException e) {
                    // It ended while we looked.
                    continue;
                }
            }
        }
        return found;
    }
}
