package dev.cloister.isolation.microvm.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuestSocketTest {
    @TempDir
    Path directory;

    @Test
    void patienceEndsWhereNoSocketIs() {
        assertThatThrownBy(() -> GuestSocket.connect(directory.resolve("none"), 1024, Duration.ofMillis(50)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no guest listens on port 1024 after 50 ms");
    }

    /** Nothing, no end of a line, an answer that is none; then the next connection is tried. */
    @ParameterizedTest
    @ValueSource(strings = {"", "OK 1", "no\n", "OK 0123456789012345678901234567890123456789"})
    void whatIsNoAnswerIsAskedAgain(String answer) throws IOException {
        Path socket = directory.resolve("v.sock");
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket));
            AtomicInteger count = new AtomicInteger();
            Thread.ofPlatform().daemon(true).start(() -> {
                while (listener.isOpen()) {
                    try (SocketChannel connection = listener.accept()) {
                        connection.read(ByteBuffer.allocate(64));
                        String said = count.incrementAndGet() < 3 ? answer : "OK 7\nfirst";
                        connection.write(ByteBuffer.wrap(said.getBytes(StandardCharsets.US_ASCII)));
                    } catch (IOException e) {
                        return;
                    }
                }
            });
            try (var guest = GuestSocket.connect(socket, 1024, Duration.ofMinutes(1))) {
                ByteBuffer first = ByteBuffer.allocate(5);
                while (first.hasRemaining() && guest.read(first) >= 0) {
                    continue;
                }
                assertThat(new String(first.array(), StandardCharsets.US_ASCII)).isEqualTo("first");
            }
            assertThat(count).hasValue(3);
        }
    }

    @Test
    void silenceEndsWithPatience() throws IOException {
        Path socket = directory.resolve("v.sock");
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket));
            assertThatThrownBy(() -> GuestSocket.connect(socket, 1024, Duration.ofMillis(50)))
                    .isInstanceOf(IOException.class);
        }
    }
}
