package dev.cloister.isolation.local.launch;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The server's end of {@code cloister-launch --expose}. What answers there has the tenant's rights, so it is not waited for
 * longer than a moment.
 */
public final class Exposed {
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    private static final byte REACHED = '+';

    private Exposed() {}

    /**
     * A connection to a port of the loopback device inside.
     *
     * @param socket what the plan says of {@code expose}
     * @return one that blocks; empty if nothing listens there, or the process has ended
     */
    public static Optional<SocketChannel> connect(Path socket, int port) {
        try {
            SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
            try {
                channel.write(ByteBuffer.wrap(new byte[] {(byte) (port >> 8), (byte) port}));
                if (isReached(channel)) {
                    return Optional.of(channel);
                }
                channel.close();
                return Optional.empty();
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            // The process has ended, or is about to.
            return Optional.empty();
        }
    }

    private static boolean isReached(SocketChannel channel) throws IOException {
        ByteBuffer answer = ByteBuffer.allocate(1);
        channel.configureBlocking(false);
        try (Selector selector = Selector.open()) {
            channel.register(selector, SelectionKey.OP_READ);
            selector.select(PATIENCE.toMillis());
        }
        boolean reached = channel.read(answer) == 1 && answer.get(0) == REACHED;
        channel.configureBlocking(true);
        return reached;
    }
}
