package dev.cloister.isolation.local.guest;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one stream of bytes to a guest, and all conversations over it. What comes is taken at once, by a platform thread of its own,
 * and waits in the conversations, each of which bounds it; so who does not read holds up nobody else. Thread-safe.
 */
final class GuestChannel implements Conversation.Line, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(GuestChannel.class);
    private static final String VERSION = "1";
    private static final Duration FIRST_LOOK = Duration.ofMillis(500);
    private static final SecureRandom RANDOM = new SecureRandom();

    private final InputStream from;
    private final OutputStream to;
    private final Runnable whenLost;
    private final AtomicInteger ids = new AtomicInteger();
    private final Map<Integer, Conversation> conversations = new ConcurrentHashMap<>();
    private final Map<Integer, Consumer<Conversation>> listeners = new ConcurrentHashMap<>();
    /** Of the guest that serves now; machines have one after the other on one stream. */
    private volatile CompletableFuture<Void> hello = new CompletableFuture<>();

    private volatile String expected = "0";

    private boolean closed;
    private boolean lost;

    private GuestChannel(InputStream from, OutputStream to, Runnable whenLost) {
        this.from = from;
        this.to = to;
        this.whenLost = whenLost;
    }

    /**
     * Takes over both streams.
     *
     * @param whenLost runs once when the stream has ended and {@link #close} was not called
     */
    static GuestChannel open(InputStream from, OutputStream to, Runnable whenLost) {
        GuestChannel channel = new GuestChannel(from, to, whenLost);
        Thread.ofPlatform().daemon(true).name("guest").start(channel::read);
        return channel;
    }

    /** Completes when the guest has said its first word; with an exception if it ended before. */
    CompletableFuture<Void> hello() {
        return hello;
    }

    /** Begins a conversation with a frame of this kind. */
    Conversation begin(char kind, byte[] payload) throws IOException {
        Conversation conversation = new Conversation(ids.incrementAndGet(), kind == Frame.START, this);
        conversations.put(conversation.id(), conversation);
        try {
            send(new Frame(conversation.id(), kind, payload));
            return conversation;
        } catch (IOException e) {
            conversations.remove(conversation.id());
            throw e;
        }
    }

    /** Waits while the guest does not take it. */
    @Override
    public void send(Frame frame) throws IOException {
        byte[] bytes = frame.encoded();
        synchronized (to) {
            to.write(bytes);
            to.flush();
        }
    }

    @Override
    public void settled(int id) {
        conversations.remove(id);
    }

    /** How many conversations are not over. */
    int open() {
        return conversations.size();
    }

    private void read() {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(from, 64 << 10))) {
            for (Optional<Frame> frame = Frame.read(in); frame.isPresent(); frame = Frame.read(in)) {
                take(frame.get());
            }
        } catch (IOException e) {
            if (!isClosed()) {
                log.warn("a guest was lost: {}", e.toString());
            }
        } finally {
            end();
        }
    }

    private void take(Frame frame) throws IOException {
        if (frame.kind() == Frame.HELLO) {
            hello(frame.text().split(" "));
            return;
        }
        if (!hello.isDone()) {
            // Of an earlier connection to the same machine.
            return;
        }
        if (frame.kind() == Frame.CALL) {
            called(frame);
            return;
        }
        @Nullable Conversation conversation = conversations.get(frame.id());
        // One that was given up meanwhile may still have had something to say.
        if (conversation != null) {
            conversation.take(frame);
        }
    }

    private void hello(String[] words) throws IOException {
        if (!words[0].equals(VERSION)) {
            throw new IOException("the guest speaks version " + words[0] + " and not " + VERSION);
        }
        if (words.length > 1 && words[1].equals(expected)) {
            hello.complete(null);
        }
    }

    private void called(Frame frame) throws IOException {
        if (frame.id() >= 0) {
            throw new IOException("a guest began a conversation that is the server's to begin");
        }
        Conversation conversation = new Conversation(frame.id(), false, this);
        @Nullable Consumer<Conversation> listener = listeners.get(frame.listener());
        if (listener == null) {
            // It was closed in this moment.
            send(Frame.of(frame.id(), Frame.KILL));
            return;
        }
        conversations.put(frame.id(), conversation);
        listener.accept(conversation);
    }

    /**
     * Makes the guest listen for somebody's connections.
     *
     * @param called takes over each connection; must not wait
     * @return what ends it
     */
    Conversation listen(byte[] payload, Consumer<Conversation> called) throws IOException {
        Conversation conversation = new Conversation(ids.incrementAndGet(), false, this);
        conversations.put(conversation.id(), conversation);
        listeners.put(conversation.id(), called);
        send(new Frame(conversation.id(), Frame.PLACE, payload));
        return conversation;
    }

    void unlisten(Conversation conversation) {
        listeners.remove(conversation.id());
        conversation.kill();
        conversations.remove(conversation.id());
    }

    /**
     * Ends everything in a machine, and begins anew on the same stream: whatever an earlier connection left in it is behind when this
     * returns. A guest that just then sees an earlier connection's end throws away what it was sent, so it may take more than one word.
     *
     * @throws IOException if it did not come to that in time
     */
    void anew(Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        Duration look = FIRST_LOOK;
        while (true) {
            CompletableFuture<Void> next = askAnew();
            long left = deadline - System.nanoTime();
            try {
                Guest.within(Duration.ofNanos(Math.max(0, Math.min(look.toNanos(), left))), next);
                return;
            } catch (IOException e) {
                if (!isOpen() || left < look.toNanos()) {
                    throw e;
                }
            }
            look = look.multipliedBy(2);
        }
    }

    private CompletableFuture<Void> askAnew() throws IOException {
        byte number = (byte) RANDOM.nextInt(1, 256);
        CompletableFuture<Void> next = new CompletableFuture<>();
        expected = Integer.toString(Byte.toUnsignedInt(number));
        hello = next;
        loseAll();
        send(new Frame(0, Frame.ANEW, new byte[] {number}));
        return next;
    }

    private void loseAll() {
        conversations.values().forEach(Conversation::lost);
        conversations.clear();
        listeners.clear();
    }

    private void end() {
        boolean byItself;
        synchronized (this) {
            lost = true;
            byItself = !closed;
        }
        hello.completeExceptionally(new IOException("the guest ended before its first word"));
        loseAll();
        closeStream();
        if (byItself) {
            whenLost.run();
        }
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    synchronized boolean isOpen() {
        return !closed && !lost;
    }

    private void closeStream() {
        try {
            to.close();
        } catch (IOException e) {
            // Whoever was to read there is gone.
            return;
        }
    }

    /** By its end the guest ends everything that runs there. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        closeStream();
        try {
            from.close();
        } catch (IOException e) {
            log.debug("the stream from a guest did not close: {}", e.toString());
        }
    }
}
