package dev.cloister.isolation.local.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Objects;

/**
 * What goes into one stream in a guest. Writing waits while a window of it was not taken there. For one thread at a time; what is
 * written after the stream's end goes nowhere, and fails.
 */
final class GuestOutput extends OutputStream {
    private static final int PIECE = 32 << 10;

    /** Sends a piece; an empty one is the end. */
    interface Sender {
        void send(byte[] piece) throws IOException;
    }

    private final Sender sender;
    private int room = GuestInput.WINDOW;
    private boolean over;
    private boolean closed;

    GuestOutput(Sender sender) {
        this.sender = sender;
    }

    /** The guest took so much. */
    synchronized void taken(int count) throws IOException {
        if (count < 0 || count > GuestInput.WINDOW - room) {
            throw new IOException("a guest took more than it was sent");
        }
        room += count;
        notifyAll();
    }

    /** Nobody takes anything any more. */
    synchronized void end() {
        over = true;
        notifyAll();
    }

    @Override
    public void write(int one) throws IOException {
        write(new byte[] {(byte) one}, 0, 1);
    }

    @Override
    public void write(byte[] from, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, from.length);
        for (int done = 0; done < length; ) {
            int count = reserve(Math.min(PIECE, length - done));
            byte[] piece = new byte[count];
            System.arraycopy(from, offset + done, piece, 0, count);
            sender.send(piece);
            done += count;
        }
    }

    private synchronized int reserve(int wanted) throws IOException {
        try {
            while (room == 0 && !over && !closed) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while writing to a guest", e);
        }
        if (over || closed) {
            throw new IOException("the stream is closed");
        }
        int count = Math.min(room, wanted);
        room -= count;
        return count;
    }

    @Override
    public void close() throws IOException {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            notifyAll();
            if (over) {
                return;
            }
        }
        sender.send(new byte[0]);
    }
}
