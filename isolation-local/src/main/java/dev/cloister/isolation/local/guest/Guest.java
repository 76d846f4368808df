package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.launch.Arguments;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.launch.Launching;
import dev.cloister.isolation.local.launch.Report;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Forward;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/**
 * A container or a virtual machine in which {@code cloister-guest} runs, as a place to launch in. Owns the stream to it; its end
 * is the end of everything that was launched. Thread-safe.
 */
public final class Guest implements AutoCloseable {
    private final GuestChannel channel;
    private final Path launcher;
    private final Duration patience;
    private final Runnable endGuest;
    private final Set<Forward> forwards = new HashSet<>();

    private Guest(GuestChannel channel, Path launcher, Duration patience, Runnable endGuest) {
        this.channel = channel;
        this.launcher = launcher;
        this.patience = patience;
        this.endGuest = endGuest;
    }

    /**
     * Takes over both streams, and returns when the guest has said its first word.
     *
     * @param launcher where {@code cloister-launch} is in the guest
     * @param patience how long it may take to say it, and to answer each request later
     * @param endGuest ends the guest from outside: it has been lost, or does not do as it is told; may run more than once
     * @throws IOException if it did not come to that
     */
    public static Guest open(InputStream from, OutputStream to, Path launcher, Duration patience, Runnable endGuest)
            throws IOException {
        GuestChannel channel = GuestChannel.open(from, to, endGuest);
        try {
            within(patience, channel.hello());
            return new Guest(channel, launcher, patience, endGuest);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * The same with the first process of a virtual machine, which may have served others over the same stream: what those left is
     * over and behind when this returns.
     */
    public static Guest openMachine(
            InputStream from, OutputStream to, Path launcher, Duration patience, Runnable endGuest) throws IOException {
        GuestChannel channel = GuestChannel.open(from, to, endGuest);
        try {
            channel.anew(patience);
            return new Guest(channel, launcher, patience, endGuest);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    static <T> T within(Duration patience, CompletableFuture<T> what) throws IOException {
        try {
            return what.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("it did not answer within " + patience.toMillis() + " ms", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException own
                    ? own
                    : new IOException("it did not come to that: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** How many launchers and connections are not over, or not read to their end. */
    int conversations() {
        return channel.open();
    }

    /** Whether it can still be spoken to. */
    public boolean isOpen() {
        return channel.isOpen();
    }

    /**
     * Starts a process. Returns when every layer of the plan stands and the command was handed over to.
     *
     * @param judged see {@link LaunchedProcess}
     * @throws IsolationException if a layer could not be applied; then nothing of the command ran
     */
    public LaunchedProcess launch(LaunchPlan plan, UnaryOperator<ExitStatus> judged) {
        Report report = Report.of(plan);
        List<String> arguments = Arguments.of(launcher, List.of("--inherited"), plan);
        try {
            Conversation conversation = channel.begin(Frame.START, ended(arguments));
            Thread.ofVirtual().name("launch-report").start(() -> serve(report, conversation));
            // The guest itself ends what a launcher leaves that was killed.
            return Launching.seen(new GuestLauncher(conversation, endGuest), report, () -> {}, judged);
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the tenant's container or virtual machine has just ended",
                            e.toString(),
                            "Try again; the next use starts it anew."),
                    e);
        }
    }

    private static void serve(Report report, Conversation conversation) {
        try {
            report.serve(conversation.report(), conversation.orders());
        } catch (IOException e) {
            // The guest is gone, and every conversation with it; whoever waits is told so.
            return;
        }
    }

    private static byte[] ended(List<String> arguments) {
        return (String.join("\0", arguments) + "\0").getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Leads a port of the guest's loopback device to a unix socket in it, until the guest ends; once, however often it is asked for.
     *
     * @throws IOException if it could not be done
     */
    public synchronized void forward(Forward forward) throws IOException {
        if (forwards.contains(forward)) {
            return;
        }
        byte[] path = forward.socket().getBytes(StandardCharsets.UTF_8);
        byte[] payload = ByteBuffer.allocate(Short.BYTES + path.length)
                .putShort((short) forward.port())
                .put(path)
                .array();
        within(patience, channel.begin(Frame.FORWARD, payload).stands());
        forwards.add(forward);
    }

    /**
     * Connects to a server that listens on the guest's loopback device.
     *
     * @param meeting a directory of the server's own, in which a socket stands for a moment
     * @return a connection that blocks and is the caller's; empty if nothing listens there
     */
    public Optional<SocketChannel> connect(int port, Path meeting, Duration patience) throws IOException {
        byte[] payload = ByteBuffer.allocate(Short.BYTES).putShort((short) port).array();
        Conversation conversation = channel.begin(Frame.CONNECT, payload);
        try {
            within(patience, conversation.stands());
        } catch (IOException e) {
            conversation.kill();
            return Optional.empty();
        }
        return Optional.of(Bridge.to(conversation, meeting));
    }

    /** It, where it is the first process of a virtual machine. */
    public GuestMachine machine() {
        return new GuestMachine(channel, patience);
    }

    /** Ends everything that runs there, by the stream's end. */
    @Override
    public void close() {
        channel.close();
    }
}
