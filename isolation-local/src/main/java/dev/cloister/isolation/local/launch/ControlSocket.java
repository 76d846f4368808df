package dev.cloister.isolation.local.launch;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The socket at which launchers report and get their orders. Owns the socket file, which only the server's uid can use. A
 * connection is a lifeline as well: its end tells either side that the other is gone. Thread-safe.
 */
final class ControlSocket implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ControlSocket.class);
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int ID_BYTES = 12;

    private final Path path;
    private final ServerSocketChannel listener;
    private final Map<String, Report> expected = new ConcurrentHashMap<>();

    private ControlSocket(Path path, ServerSocketChannel listener) {
        this.path = path;
        this.listener = listener;
    }

    static ControlSocket open(Path path) throws IOException {
        Files.deleteIfExists(path);
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listener.bind(UnixDomainSocketAddress.of(path), 1024);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        } catch (IOException e) {
            listener.close();
            throw e;
        }
        ControlSocket socket = new ControlSocket(path, listener);
        Thread.ofPlatform().daemon(true).name("launch-control").start(socket::accept);
        return socket;
    }

    Path path() {
        return path;
    }

    /** Prepares for one launcher, which will name itself by the report's id. */
    Report expect(byte[] environment) {
        byte[] random = new byte[ID_BYTES];
        RANDOM.nextBytes(random);
        Report report = new Report(HexFormat.of().formatHex(random), environment);
        expected.put(report.id(), report);
        return report;
    }

    /** No launcher of this name will come any more. */
    void forget(Report report) {
        expected.remove(report.id());
    }

    private void accept() {
        while (listener.isOpen()) {
            try {
                SocketChannel connection = listener.accept();
                Thread.ofVirtual().name("launch-report").start(() -> serve(connection));
            } catch (IOException e) {
                if (listener.isOpen()) {
                    log.warn("a launcher could not be heard: {}", e.toString());
                }
            }
        }
    }

    private void serve(SocketChannel connection) {
        Lines lines = new Lines(connection);
        try (connection) {
            @Nullable Report report = expected.remove(lines.next());
            if (report == null) {
                log.warn("somebody came to the launchers' socket who was not expected");
                return;
            }
            report.serve(lines, connection);
        } catch (IOException e) {
            log.debug("a launcher's report was cut off: {}", e.toString());
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
            Files.deleteIfExists(path);
        } catch (IOException e) {
            log.warn("the launchers' socket could not be closed: {}", e.toString());
        }
    }
}
