package dev.cloister.core.upstream;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A body whose pieces come one by one, each after its delay. One reader; anybody may close it, which ends a wait. */
final class PacedInputStream extends InputStream {
    /** @param after the wait before the text can be read */
    record Piece(Duration after, String text) {}

    private final Iterator<Piece> pieces;
    private final CountDownLatch closed = new CountDownLatch(1);
    private byte[] current = new byte[0];
    private int position;

    PacedInputStream(List<Piece> pieces) {
        this.pieces = pieces.iterator();
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    /** Never returns more than one piece, so that none waits for the next. */
    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        if (length == 0) {
            return 0;
        }
        while (position == current.length) {
            if (!pieces.hasNext()) {
                return -1;
            }
            Piece piece = pieces.next();
            awaitUnlessClosed(piece.after());
            current = piece.text().getBytes(StandardCharsets.UTF_8);
            position = 0;
        }
        int count = Math.min(length, current.length - position);
        System.arraycopy(current, position, target, offset, count);
        position += count;
        return count;
    }

    private void awaitUnlessClosed(Duration time) throws IOException {
        try {
            if (closed.await(time.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new IOException("closed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted");
        }
    }

    @Override
    public void close() {
        closed.countDown();
    }
}
