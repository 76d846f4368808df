package dev.cloister.isolation.local.guest;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** One message between server and guest; its form stands at the top of {@code guest.c}. */
record Frame(int id, char kind, byte[] payload) {
    /** The guest's first. */
    static final char HELLO = 'H';

    static final char START = 'S';
    static final char CONNECT = 'C';
    static final char FORWARD = 'F';
    static final char MEMORY = 'M';
    static final char GIVE_UP = 'E';
    static final char KILL = 'K';
    static final char STANDS = 'O';
    static final char OVER = 'X';
    static final char WINDOW = 'W';
    /** Somebody connected to a socket in the guest. */
    static final char CALL = 'A';

    /** Of virtual machines only. */
    static final char BECOME = 'I';

    static final char PLACE = 'P';
    static final char READ = 'R';
    static final char SETTLE = 'D';
    static final char LEAVE = 'Q';
    static final char ANEW = 'Z';

    private static final int HEADER = 8;
    /** More than the guest ever sends in one. */
    private static final int MOST = 64 << 10;

    static Frame of(int id, char kind) {
        return new Frame(id, kind, new byte[0]);
    }

    static Frame window(int id, char stream, int count) {
        return new Frame(
                id,
                WINDOW,
                ByteBuffer.allocate(1 + Integer.BYTES)
                        .put((byte) stream)
                        .putInt(count)
                        .array());
    }

    byte[] encoded() {
        return ByteBuffer.allocate(HEADER + payload.length)
                .putInt(id)
                .putInt(kind << 24 | payload.length)
                .put(payload)
                .array();
    }

    /**
     * @return empty at the end of the stream
     * @throws IOException if the guest says what none says
     */
    static Optional<Frame> read(DataInputStream in) throws IOException {
        int id;
        try {
            id = in.readInt();
        } catch (EOFException e) {
            return Optional.empty();
        }
        int rest = in.readInt();
        int length = rest & 0xffffff;
        if (length > MOST) {
            throw new IOException("a guest sent a frame of " + length + " bytes");
        }
        byte[] payload = new byte[length];
        in.readFully(payload);
        return Optional.of(new Frame(id, (char) (rest >>> 24), payload));
    }

    String text() {
        return new String(payload, StandardCharsets.US_ASCII);
    }

    /** What the guest says in digits. */
    long number() throws IOException {
        try {
            return Long.parseLong(text());
        } catch (NumberFormatException e) {
            throw new IOException("a guest said a number that is none", e);
        }
    }

    /** Which socket of a {@link #CALL}. */
    int listener() throws IOException {
        if (payload.length != Integer.BYTES) {
            throw new IOException("a guest sent a call that is none");
        }
        return ByteBuffer.wrap(payload).getInt();
    }

    /** The stream of a {@link #WINDOW}. */
    char stream() throws IOException {
        if (payload.length != 1 + Integer.BYTES) {
            throw new IOException("a guest sent a window that is none");
        }
        return (char) payload[0];
    }

    /** The bytes of a {@link #WINDOW}. */
    int count() {
        return ByteBuffer.wrap(payload, 1, Integer.BYTES).getInt();
    }
}
