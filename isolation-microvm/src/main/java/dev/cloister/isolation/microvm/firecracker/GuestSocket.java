package dev.cloister.isolation.microvm.firecracker;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The way into a guest: one says the number of a port at Firecracker's socket, and is led to what listens there.
 *
 * @see <a href="https://github.com/firecracker-microvm/firecracker/blob/v1.16.1/docs/vsock.md">Host-initiated connections</a>
 */
final class GuestSocket {
    private static final Duration PAUSE = Duration.ofMillis(5);

    /** Firecracker itself gives up after two seconds. */
    private static final Duration ATTEMPT = Duration.ofSeconds(3);

    /** {@code OK}, a number of 32 bits, and the line's end. */
    private static final int LONGEST_ANSWER = 16;

    private GuestSocket() {}

    /**
     * Connects to a port of the guest, as soon as something listens there.
     *
     * @return a connection that blocks and is the caller's
     * @throws IOException if nothing did within {@code patience}
     */
    static ByteChannel connect(Path socket, int port, Duration patience) throws IOException {
        long end = System.nanoTime() + patience.toNanos();
        while (true) {
            try {
                Duration left = Duration.ofNanos(end - System.nanoTime());
                return attempt(socket, port, left.compareTo(ATTEMPT) < 0 ? left : ATTEMPT);
            } catch (IOException e) {
                // No socket yet, or nobody listening in the guest: Firecracker then closes the connection.
                if (System.nanoTime() - end > 0) {
                    throw new IOException(
                            "no guest listens on port " + port + " after " + patience.toMillis() + " ms", e);
                }
            }
            pause();
        }
    }

    private static SocketChannel attempt(Path socket, int port, Duration patience) throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        try {
            ByteBuffer question = ByteBuffer.wrap(("CONNECT " + port + "\n").getBytes(StandardCharsets.US_ASCII));
            while (question.hasRemaining()) {
                channel.write(question);
            }
            String answer = line(channel, patience);
            if (!answer.startsWith("OK ")) {
                throw new IOException("the answer was " + answer);
            }
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Byte by byte: what follows the line is the guest's. */
    private static String line(SocketChannel channel, Duration patience) throws IOException {
        long end = System.nanoTime() + patience.toNanos();
        StringBuilder line = new StringBuilder();
        channel.configureBlocking(false);
        try (Selector selector = Selector.open()) {
            channel.register(selector, SelectionKey.OP_READ);
            ByteBuffer one = ByteBuffer.allocate(1);
            while (true) {
                long left = Duration.ofNanos(end - System.nanoTime()).toMillis();
                if (left <= 0) {
                    throw new SocketTimeoutException("no answer in time");
                }
                selector.select(left);
                selector.selectedKeys().clear();
                int count = channel.read(one.clear());
                if (count < 0) {
                    throw new EOFException("closed without an answer");
                }
                if (count > 0) {
                    char read = (char) one.get(0);
                    if (read == '\n') {
                        break;
                    }
                    if (line.append(read).length() > LONGEST_ANSWER) {
                        throw new IOException("the answer has no end");
                    }
                }
            }
        }
        channel.configureBlocking(true);
        return line.toString();
    }

    private static void pause() throws InterruptedIOException {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for the guest");
        }
    }
}
