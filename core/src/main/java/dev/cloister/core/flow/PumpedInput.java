package dev.cloister.core.flow;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A process's output for a reader on a virtual thread. A platform thread of its own reads the pipe, because a virtual thread
 * that waits in a pipe read holds its carrier. One thread reads; closing does not end the process.
 */
public final class PumpedInput extends InputStream {
    private static final Duration GLANCE = Duration.ofSeconds(1);
    private static final int PIECE = 64 << 10;
    private static final int QUEUED_PIECES = 16;

    private sealed interface Item {
        record Piece(byte[] bytes) implements Item {}

        record End(@Nullable IOException failure) implements Item {}
    }

    private final Outbox<Item> outbox = new Outbox<>(QUEUED_PIECES);
    private byte[] piece = new byte[0];
    private int position;
    private boolean ended;

    /** @param name the pump's thread name */
    public PumpedInput(InputStream pipe, String name) {
        Thread.ofPlatform().daemon(true).name(name).start(() -> pump(pipe));
    }

    private void pump(InputStream pipe) {
        byte[] buffer = new byte[PIECE];
        try {
            for (int n = pipe.read(buffer); n >= 0; n = pipe.read(buffer)) {
                outbox.put(new Item.Piece(Arrays.copyOf(buffer, n)));
            }
            outbox.put(new Item.End(null));
        } catch (IOException e) {
            outbox.put(new Item.End(e));
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        if (length == 0) {
            return 0;
        }
        while (position == piece.length && !ended) {
            next();
        }
        if (position == piece.length) {
            return -1;
        }
        int count = Math.min(length, piece.length - position);
        System.arraycopy(piece, position, target, offset, count);
        position += count;
        return count;
    }

    private void next() throws IOException {
        try {
            switch (outbox.poll(GLANCE)) {
                case null -> {}
                case Item.Piece(byte[] bytes) -> {
                    piece = bytes;
                    position = 0;
                }
                case Item.End(IOException failure) -> {
                    ended = true;
                    if (failure != null) {
                        throw failure;
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reading a process's output", e);
        }
    }

    @Override
    public void close() {
        outbox.abandon();
    }
}
