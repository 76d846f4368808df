package dev.cloister.core.socket;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** One connection to a unix socket that speaks exactly the bytes it is told to. One thread. */
public final class UnixClient implements AutoCloseable {
    private final SocketChannel channel;
    private final InputStream in;

    public UnixClient(Path socket) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        in = new BufferedInputStream(Channels.newInputStream(channel));
    }

    public record Answer(int status, Map<String, String> headers, String body) {}

    public record Head(int status, Map<String, String> headers) {}

    public static Answer call(Path socket, String raw) throws IOException {
        try (UnixClient client = new UnixClient(socket)) {
            client.send(raw);
            return client.answer();
        }
    }

    public static String post(String target, String headers, String body) {
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        return "POST " + target + " HTTP/1.1\r\nHost: api.internal\r\n" + headers + "Content-Length: " + length
                + "\r\n\r\n" + body;
    }

    public void send(String raw) throws IOException {
        send(raw.getBytes(StandardCharsets.UTF_8));
    }

    public void send(byte[] raw) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(raw);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    public Answer answer() throws IOException {
        Head head = head();
        if (head.headers().getOrDefault("transfer-encoding", "").equals("chunked")) {
            StringBuilder body = new StringBuilder();
            for (String piece = chunk(); !piece.isEmpty(); piece = chunk()) {
                body.append(piece);
            }
            return new Answer(head.status(), head.headers(), body.toString());
        }
        int length = Integer.parseInt(head.headers().getOrDefault("content-length", "0"));
        return new Answer(head.status(), head.headers(), new String(in.readNBytes(length), StandardCharsets.UTF_8));
    }

    public Head head() throws IOException {
        String status = line();
        Map<String, String> headers = new LinkedHashMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        return new Head(Integer.parseInt(status.split(" ", -1)[1]), headers);
    }

    /** The next chunk of a chunked body; empty for the last. */
    public String chunk() throws IOException {
        String size = line();
        // A server may send the end of a chunk's line together with the next chunk; waiting for it would be too long.
        int length = Integer.parseInt(size.isEmpty() ? line() : size, 16);
        if (length == 0) {
            line();
        }
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the connection ended inside a chunk");
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0) {
                throw new EOFException("the connection ended after: " + line.toString(StandardCharsets.UTF_8));
            }
            if (b != '\r') {
                line.write(b);
            }
        }
        return line.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
