package dev.cloister.isolation.local.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** A connection in a guest as a socket of the server's: two sockets that know each other, and two threads that move bytes. */
final class Bridge {
    private Bridge() {}

    /** Takes over the conversation, which ends with the socket. */
    static SocketChannel to(Conversation conversation, Path meeting) throws IOException {
        Path path = meeting.resolve("b" + UUID.randomUUID().toString().substring(0, 8));
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
            listener.bind(address, 1);
            SocketChannel near = SocketChannel.open(address);
            join(conversation, listener.accept());
            return near;
        } catch (IOException e) {
            conversation.kill();
            throw e;
        } finally {
            Files.deleteIfExists(path);
        }
    }

    /** Takes over both. */
    static void join(Conversation conversation, SocketChannel far) {
        Thread.ofVirtual().name("bridge-in").start(() -> move(conversation, far));
        Thread.ofVirtual().name("bridge-out").start(() -> moveBack(conversation, far));
    }

    private static void move(Conversation conversation, SocketChannel far) {
        try (OutputStream in = conversation.stdin()) {
            Channels.newInputStream(far).transferTo(in);
        } catch (IOException e) {
            conversation.kill();
        }
    }

    private static void moveBack(Conversation conversation, SocketChannel far) {
        try (far;
                InputStream out = conversation.stdout()) {
            out.transferTo(Channels.newOutputStream(far));
            far.shutdownOutput();
        } catch (IOException e) {
            conversation.kill();
        }
    }
}
