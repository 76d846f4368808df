package dev.cloister.isolation.microvm.qemu;

import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A QEMU that runs. */
final class QemuMachine implements Machine {
    private static final Logger log = LoggerFactory.getLogger(QemuMachine.class);
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String STATE = "state";

    private final ProcessHandle process;
    private final Path directory;
    private final Qmp qmp;

    private QemuMachine(ProcessHandle process, Path directory, Qmp qmp) {
        this.process = process;
        this.directory = directory;
        this.qmp = qmp;
    }

    static QemuMachine of(ProcessHandle process, Path directory, Duration patience) throws IOException {
        CompletableFuture<ProcessHandle> end = process.onExit();
        long deadline = System.nanoTime() + patience.toNanos();
        while (!Files.exists(directory.resolve(QemuArguments.QMP_SOCKET))) {
            if (end.isDone() || System.nanoTime() > deadline) {
                throw new IOException(end.isDone() ? "QEMU has ended" : "QEMU does not listen");
            }
            Sockets.pause(2);
        }
        return new QemuMachine(process, directory, Qmp.at(directory.resolve(QemuArguments.QMP_SOCKET), patience));
    }

    /** Into one that waits for it, and has the memory already. */
    void load(Path saved) throws IOException {
        withoutMemory();
        Path socket = directory.resolve(QemuArguments.STATE_SOCKET);
        qmp.run("migrate-incoming", Map.of("uri", "unix:" + socket));
        try (SocketChannel state = Sockets.connected(socket, PATIENCE)) {
            Files.copy(saved.resolve(STATE), Channels.newOutputStream(state));
        }
        qmp.awaitMigration(PATIENCE);
        qmp.run("cont", Map.of());
    }

    /** What is shared is not migrated: it is a file's. */
    private void withoutMemory() throws IOException {
        qmp.run(
                "migrate-set-capabilities",
                Map.of("capabilities", List.of(Map.of("capability", "x-ignore-shared", "state", true))));
    }

    @Override
    public void awaitGuest(Duration patience) throws IOException {
        qmp.awaitPort(patience);
    }

    @Override
    public ByteChannel connect(Duration patience) throws IOException {
        return Sockets.connected(directory.resolve(QemuArguments.GUEST_SOCKET), patience);
    }

    @Override
    public long pid() {
        return process.pid();
    }

    @Override
    public boolean isAlive() {
        return process.isAlive();
    }

    @Override
    public void save(Path target) {
        Path socket = directory.resolve(QemuArguments.STATE_SOCKET);
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            qmp.run("stop", Map.of());
            withoutMemory();
            listener.bind(UnixDomainSocketAddress.of(socket));
            CompletableFuture<Void> written = new CompletableFuture<>();
            Thread.ofVirtual().name("machine-state").start(() -> receive(listener, target.resolve(STATE), written));
            qmp.run("migrate", Map.of("uri", "unix:" + socket));
            qmp.awaitMigration(PATIENCE);
            written.join();
            close();
            keepMemory(target.resolve(QemuArguments.MEMORY));
        } catch (IOException | CompletionException e) {
            throw new IsolationException(
                    new Finding(
                            "the state of a virtual machine could not be kept",
                            e.toString(),
                            "Check the space and the owner of " + target + "."),
                    e);
        }
    }

    private void keepMemory(Path target) throws IOException {
        Files.move(directory.resolve(QemuArguments.MEMORY), target);
        Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rw-------"));
        try {
            // A kernel clears what it gives away: a third of what it touched is zero, and need not be copied into each
            // machine.
            Qemu.output(List.of("fallocate", "--dig-holes", target.toString()));
        } catch (IOException e) {
            log.info("the state of virtual machines is larger than it need be: {}", e.getMessage());
        }
    }

    private static void receive(ServerSocketChannel listener, Path file, CompletableFuture<Void> written) {
        try (SocketChannel state = listener.accept()) {
            Files.copy(Channels.newInputStream(state), file, StandardCopyOption.REPLACE_EXISTING);
            written.complete(null);
        } catch (IOException e) {
            written.completeExceptionally(e);
        }
    }

    @Override
    public void balloon(long memory) {
        try {
            qmp.run("balloon", Map.of("value", memory));
        } catch (IOException e) {
            log.debug("the balloon of {} did not move: {}", directory.getFileName(), e.getMessage());
        }
    }

    @Override
    public void release() {
        closeControl();
    }

    private void closeControl() {
        try {
            qmp.close();
        } catch (IOException e) {
            log.debug("the connection to a QEMU did not close: {}", e.toString());
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        Qemu.awaitEnd(process);
        closeControl();
    }
}
