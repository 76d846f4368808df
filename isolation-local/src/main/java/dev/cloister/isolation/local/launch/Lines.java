package dev.cloister.isolation.local.launch;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/** What launchers report: lines of bounded length; an empty one stands for the end. Not thread-safe. */
final class Lines {
    private static final int MAX_LINE = 512;

    private final ReadableByteChannel connection;
    private final ByteBuffer buffer = ByteBuffer.allocate(MAX_LINE).limit(0);

    Lines(ReadableByteChannel connection) {
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
