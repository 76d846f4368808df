package dev.cloister.isolation.local.launch;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
    private static final int MAX_LINE = 512;

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
        Report report = null;
        try (connection) {
            report = expected.remove(lines.next());
            if (report == null) {
                log.warn("somebody came to the launchers' socket who was not expected");
                return;
            }
            report.connected(connection);
            for (String line = lines.next(); !line.isEmpty(); line = lines.next()) {
                report.said(line);
            }
        } catch (IOException e) {
            log.debug("a launcher's report was cut off: {}", e.toString());
        } finally {
            if (report != null) {
                report.over();
            }
        }
    }

    /** Lines of bounded length; an empty one stands for the end. */
    private static final class Lines {
        private final SocketChannel connection;
        private final ByteBuffer buffer = ByteBuffer.allocate(MAX_LINE).limit(0);

        Lines(SocketChannel connection) {
            this.connection = connection;
        }

        String next() throws IOException {
            StringBuilder line = new StringBuilder();
            while (line.length() < MAX_LINE) {
                if (!buffer.hasRemaining()) {
                    buffer.clear();
                    int count = connection.read(buffer);
                    buffer.flip();
                    if (count < 0) {
                        return "";
                    }
                    continue;
                }
                char next = (char) (buffer.get() & 0xff);
                if (next == '\n') {
                    return line.toString();
                }
                line.append(next);
            }
            throw new InterruptedIOException("a launcher's line is too long");
        }
    }

    static byte[] framed(byte[] environment) {
        return ByteBuffer.allocate(Integer.BYTES + environment.length)
                .putInt(environment.length)
                .put(environment)
                .array();
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

    static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
