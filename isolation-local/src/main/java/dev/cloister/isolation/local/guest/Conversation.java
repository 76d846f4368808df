package dev.cloister.isolation.local.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.CompletableFuture;

/** A launcher or a connection in a guest, as the server sees it. Thread-safe, but for its streams. */
final class Conversation {
    /** Where it speaks to the guest. */
    interface Line {
        void send(Frame frame) throws IOException;

        /** Nothing more will come of this conversation. */
        void settled(int id);
    }

    private static final int REPORT = 3;
    private static final int STREAMS = 4;
    private static final int PIECE = 32 << 10;

    private final int id;
    private final boolean launcher;
    private final Line line;
    private final GuestOutput stdin;
    /** The first is none: that stream goes there. */
    private final GuestInput[] inputs = new GuestInput[STREAMS];

    private final CompletableFuture<byte[]> stands = new CompletableFuture<>();
    private final CompletableFuture<Long> over = new CompletableFuture<>();
    private volatile CompletableFuture<Long> memory = CompletableFuture.completedFuture(0L);

    /** @param launcher whether it is one: its outputs may come after its end */
    Conversation(int id, boolean launcher, Line line) {
        this.id = id;
        this.launcher = launcher;
        this.line = line;
        this.stdin = new GuestOutput(piece -> line.send(new Frame(id, '0', piece)));
        for (int number = 0; number < STREAMS; number++) {
            char stream = (char) ('0' + number);
            inputs[number] = new GuestInput(count -> tell(Frame.window(id, stream, count)), () -> giveUp(stream));
        }
    }

    private void giveUp(char stream) {
        tell(new Frame(id, Frame.GIVE_UP, new byte[] {(byte) stream}));
        if (isSettled()) {
            line.settled(id);
        }
    }

    private boolean isSettled() {
        return over.isDone() && inputs[1].isEnded() && inputs[2].isEnded();
    }

    int id() {
        return id;
    }

    GuestOutput stdin() {
        return stdin;
    }

    GuestInput stdout() {
        return inputs[1];
    }

    GuestInput stderr() {
        return inputs[2];
    }

    ReadableByteChannel report() {
        return Channels.newChannel(inputs[REPORT]);
    }

    /** Where a launcher gets its environment and its orders. They are few, and have no window. */
    WritableByteChannel orders() {
        return Channels.newChannel(new OutputStream() {
            @Override
            public void write(int one) throws IOException {
                write(new byte[] {(byte) one}, 0, 1);
            }

            @Override
            public void write(byte[] from, int offset, int length) throws IOException {
                for (int done = 0; done < length; done += PIECE) {
                    byte[] piece = new byte[Math.min(PIECE, length - done)];
                    System.arraycopy(from, offset + done, piece, 0, piece.length);
                    line.send(new Frame(id, (char) ('0' + REPORT), piece));
                }
            }
        });
    }

    /** Completes when what was asked for stands, with what the guest says to it; with an exception if it cannot. */
    CompletableFuture<byte[]> stands() {
        return stands;
    }

    /** Completes with the wait status of a launcher, or an error's number; with -1 if the guest is gone. */
    CompletableFuture<Long> over() {
        return over;
    }

    /** Asks how many KiB it takes with all it started; the answer is 0 if it ended meanwhile. */
    synchronized CompletableFuture<Long> askMemory() {
        if (over.isDone()) {
            return CompletableFuture.completedFuture(0L);
        }
        if (memory.isDone()) {
            memory = new CompletableFuture<>();
            tell(Frame.of(id, Frame.MEMORY));
        }
        return memory;
    }

    void kill() {
        if (!over.isDone()) {
            tell(Frame.of(id, Frame.KILL));
        }
    }

    /** A word that nobody waits for: if the guest is gone, everything else is told so. */
    private void tell(Frame frame) {
        try {
            line.send(frame);
        } catch (IOException e) {
            return;
        }
    }

    /**
     * Takes a frame of its own.
     *
     * @throws IOException if it is none that a guest sends
     */
    void take(Frame frame) throws IOException {
        switch (frame.kind()) {
            case '1', '2', '3' -> inputs[frame.kind() - '0'].put(frame.payload());
            case Frame.WINDOW -> {
                if (frame.stream() == '0') {
                    stdin.taken(frame.count());
                }
            }
            case Frame.STANDS -> stands.complete(frame.payload());
            case Frame.MEMORY -> memory.complete(frame.number());
            case Frame.OVER -> end(frame.number());
            default -> throw new IOException("a guest sent a frame of no known kind");
        }
        if (isSettled()) {
            line.settled(id);
        }
    }

    private void end(long how) {
        if (!launcher) {
            endInputs();
        }
        stdin.end();
        stands.completeExceptionally(new GuestRefusal(how));
        synchronized (this) {
            over.complete(how);
            memory.complete(0L);
        }
    }

    /** The guest is gone. */
    void lost() {
        endInputs();
        end(-1);
    }

    private void endInputs() {
        for (GuestInput input : inputs) {
            input.end();
        }
    }
}
