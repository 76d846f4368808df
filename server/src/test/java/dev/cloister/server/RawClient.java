package dev.cloister.server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** A client that sends whatever bytes it is told to. Reads give up after a generous time, so that a test never hangs. */
final class RawClient implements AutoCloseable {
    private final Socket socket;

    /** An answer; the body is whole if it had a length or ended with the connection. */
    record Answer(int status, Map<String, String> headers, String body) {}

    RawClient(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout(30_000);
        socket.setTcpNoDelay(true);
    }

    RawClient send(String text) throws IOException {
        return send(text.getBytes(StandardCharsets.UTF_8));
    }

    RawClient send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
        return this;
    }

    /** Sends a complete request as tenant a. */
    RawClient request(String method, String target, String headers, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        String length = bytes.length == 0 ? "" : "content-length: " + bytes.length + "\r\n";
        return send(method + " " + target + " HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\r\n" + headers + length
                        + "\r\n")
                .send(bytes);
    }

    Answer answer() throws IOException {
        InputStream in = socket.getInputStream();
        String head = head(in);
        while (head.startsWith("HTTP/1.1 100")) {
            head = head(in);
        }
        String[] lines = head.split("\r\n", -1);
        Map<String, String> headers = new TreeMap<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            if (colon > 0) {
                headers.put(
                        lines[i].substring(0, colon).toLowerCase(Locale.ROOT),
                        lines[i].substring(colon + 1).strip());
            }
        }
        int status = Integer.parseInt(lines[0].split(" ", 3)[1]);
        String length = headers.get("content-length");
        byte[] body = new byte[0];
        if (length != null) {
            body = in.readNBytes(Integer.parseInt(length));
        } else if (!headers.containsKey("transfer-encoding") && status != 204) {
            body = in.readAllBytes();
        }
        return new Answer(status, headers, new String(body, StandardCharsets.UTF_8));
    }

    private static String head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        while (true) {
            int read = in.read();
            if (read < 0) {
                throw new IOException("the connection ended in the head: " + head.toString(StandardCharsets.UTF_8));
            }
            head.write(read);
            if (read == '\n' && head.toString(StandardCharsets.UTF_8).endsWith("\r\n\r\n")) {
                return head.toString(StandardCharsets.UTF_8);
            }
        }
    }

    /** Reads until the text was seen. */
    String until(String text) throws IOException {
        StringBuilder seen = new StringBuilder();
        while (seen.indexOf(text) < 0) {
            int read = socket.getInputStream().read();
            if (read < 0) {
                throw new IOException("the connection ended before " + text + ": " + seen);
            }
            seen.append((char) read);
        }
        return seen.toString();
    }

    /** All that comes until the connection ends, one character a byte. */
    String rest() throws IOException {
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        try {
            socket.getInputStream().transferTo(rest);
        } catch (java.net.SocketException _) {
            // A reset ends a connection too.
        }
        return rest.toString(StandardCharsets.ISO_8859_1);
    }

    /** Whether the server closed the connection, waiting for it. */
    boolean ended() throws IOException {
        try {
            return socket.getInputStream().read() < 0;
        } catch (java.net.SocketException _) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
