package dev.cloister.core.agent;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Reads lines of bounded length as they arrive: an agent that never ends a line must not fill the server's memory. */
final class LineReader {
    private final InputStream in;
    private final int maxLength;
    private final byte[] buffer = new byte[32 << 10];
    private int position;
    private int limit;

    LineReader(InputStream in, int maxLength) {
        this.in = in;
        this.maxLength = maxLength;
    }

    /** The next line that is not blank, or empty at the end; a last line without an end counts as cut off and is dropped. */
    Optional<String> next() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        while (true) {
            if (position == limit) {
                position = 0;
                limit = in.read(buffer);
                if (limit < 0) {
                    limit = 0;
                    return Optional.empty();
                }
            }
            int start = position;
            while (position < limit && buffer[position] != '\n') {
                position++;
            }
            line.write(buffer, start, position - start);
            if (line.size() > maxLength) {
                throw new IOException("a line of the agent is longer than " + maxLength + " bytes");
            }
            if (position < limit) {
                position++;
                String text = line.toString(StandardCharsets.UTF_8);
                if (!text.isBlank()) {
                    return Optional.of(text);
                }
                line.reset();
            }
        }
    }
}
