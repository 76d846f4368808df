package dev.cloister.isolation.local.guest;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * What comes from one stream in a guest. At most a window of it waits here: the guest sends no more until it is told that some was
 * taken. Reading is for one thread at a time; ends when the stream or the channel does.
 */
final class GuestInput extends InputStream {
    static final int WINDOW = 256 << 10;

    private final Deque<byte[]> waiting = new ArrayDeque<>();
    private final IntConsumer taken;
    private final Runnable givenUp;
    private int kept;
    private int position;
    private int untold;
    private boolean ended;
    private boolean closed;

    /**
     * @param taken gets how many bytes were taken, now and then
     * @param givenUp runs when this is closed before its end
     */
    GuestInput(IntConsumer taken, Runnable givenUp) {
        this.taken = taken;
        this.givenUp = givenUp;
    }

    /**
     * Takes what the guest sent; nothing is its end.
     *
     * @throws IOException if it sent more than it may
     */
    synchronized void put(byte[] bytes) throws IOException {
        if (bytes.length == 0) {
            ended = true;
        } else if (kept + untold + bytes.length > WINDOW) {
            throw new IOException("a guest sent more than its window");
        } else if (!closed) {
            kept += bytes.length;
            waiting.add(bytes);
        }
        notifyAll();
    }

    synchronized boolean isEnded() {
        return ended;
    }

    /** Nothing more will come. */
    synchronized void end() {
        ended = true;
        notifyAll();
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, into.length);
        if (length == 0) {
            return 0;
        }
        int count;
        int tell = 0;
        synchronized (this) {
            byte @Nullable [] first = awaitFirst();
            if (first == null) {
                return -1;
            }
            count = Math.min(length, first.length - position);
            System.arraycopy(first, position, into, offset, count);
            position += count;
            if (position == first.length) {
                waiting.remove();
                position = 0;
            }
            kept -= count;
            untold += count;
            // Each word costs the guest a system call; half a window is early enough.
            if (untold >= WINDOW / 2) {
                tell = untold;
                untold = 0;
            }
        }
        if (tell > 0) {
            taken.accept(tell);
        }
        return count;
    }

    private byte @Nullable [] awaitFirst() throws IOException {
        try {
            while (waiting.isEmpty() && !ended && !closed) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reading from a guest", e);
        }
        if (closed) {
            throw new IOException("the stream is closed");
        }
        return waiting.peek();
    }

    @Override
    public synchronized int available() {
        return kept;
    }

    /** Whoever writes there finds the stream closed. */
    @Override
    public void close() {
        boolean early;
        synchronized (this) {
            early = !closed && !ended;
            closed = true;
            ended = true;
            kept = 0;
            untold = 0;
            waiting.clear();
            notifyAll();
        }
        if (early) {
            givenUp.run();
        }
    }
}
