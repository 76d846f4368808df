package dev.cloister.cli.attack;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What a broker without any check is: whatever is said to its socket arrives. Thread-safe. */
final class OpenRelay implements AutoCloseable {
    private static final byte[] ANSWER =
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".getBytes(StandardCharsets.UTF_8);

    private final ServerSocketChannel listener;
    private volatile String last = "";

    private OpenRelay(ServerSocketChannel listener) {
        this.listener = listener;
    }

    static OpenRelay at(Path socket) throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(socket));
        OpenRelay relay = new OpenRelay(listener);
        Thread.ofPlatform().daemon(true).name("open-relay").start(relay::serve);
        return relay;
    }

    private void serve() {
        for (SocketChannel caller = next(); caller != null; caller = next()) {
            try (SocketChannel open = caller) {
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                InputStream in = Channels.newInputStream(open);
                in.transferTo(all);
                last = all.toString(StandardCharsets.ISO_8859_1) + last.substring(0, Math.min(last.length(), 4 << 20));
                open.write(ByteBuffer.wrap(ANSWER));
            } catch (IOException e) {
                // The caller went away: what it said before is of no interest.
                continue;
            }
        }
    }

    private @Nullable SocketChannel next() {
        try {
            return listener.accept();
        } catch (IOException e) {
            // It was closed.
            return null;
        }
    }

    boolean heard(String word) {
        return last.contains(word);
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
