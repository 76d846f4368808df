package dev.cloister.server.api;

import dev.cloister.server.wire.Utf8Pieces;
import java.util.Arrays;

/** The text of one output stream up to a number of bytes; more is counted off, not kept. For one thread. */
final class CollectedOutput {
    private final StringBuilder text = new StringBuilder();
    private final Utf8Pieces pieces = new Utf8Pieces();
    private long left;
    private boolean truncated;

    CollectedOutput(long maxBytes) {
        this.left = maxBytes;
    }

    void add(byte[] bytes) {
        int kept = (int) Math.min(left, bytes.length);
        truncated |= kept < bytes.length;
        left -= kept;
        text.append(pieces.next(kept == bytes.length ? bytes : Arrays.copyOf(bytes, kept)));
    }

    /** Call once, at the end. A character that the limit cut in two is left out. */
    String text() {
        return truncated ? text.toString() : text.append(pieces.end()).toString();
    }

    boolean truncated() {
        return truncated;
    }
}
