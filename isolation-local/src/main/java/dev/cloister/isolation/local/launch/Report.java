package dev.cloister.isolation.local.launch;

import dev.cloister.spi.ExitStatus;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** What one launcher says, and the way to give it orders. Thread-safe. */
public final class Report {
    /** How a launch began. */
    sealed interface Beginning {
        /** Every layer stands, and the command was handed over to. */
        record Started() implements Beginning {}

        record Failed(LaunchFailure why) implements Beginning {}

        /** The launcher ended without a word. */
        record Silent() implements Beginning {}
    }

    private final String id;
    private final byte[] environment;
    private final CompletableFuture<Beginning> beginning = new CompletableFuture<>();
    private final CompletableFuture<Optional<ExitStatus>> end = new CompletableFuture<>();
    private @Nullable WritableByteChannel connection;
    private @Nullable ExitStatus last;

    /** @param id what the launcher says first, where several report to one socket */
    Report(String id, byte[] environment) {
        this.id = id;
        this.environment = environment;
    }

    /** Of the one launcher at the other end of a connection of its own. */
    public static Report of(LaunchPlan plan) {
        return new Report("", Arguments.environmentBlock(plan));
    }

    String id() {
        return id;
    }

    CompletableFuture<Beginning> beginning() {
        return beginning;
    }

    /** Completes with the connection's end: how the command ended, or empty if the launcher did not live to tell. */
    CompletableFuture<Optional<ExitStatus>> end() {
        return end;
    }

    /** Gives the launcher its environment and takes all that it says, until the connection's end. */
    public void serve(ReadableByteChannel from, WritableByteChannel to) throws IOException {
        serve(new Lines(from), to);
    }

    void serve(Lines lines, WritableByteChannel to) throws IOException {
        try {
            connected(to);
            for (String line = lines.next(); !line.isEmpty(); line = lines.next()) {
                said(line);
            }
        } finally {
            over();
        }
    }

    private void connected(WritableByteChannel channel) {
        synchronized (this) {
            connection = channel;
        }
        try {
            write(channel, framed());
        } catch (IOException e) {
            // It has refused already; why, it has said before it went, and that can still be read.
            return;
        }
    }

    private byte[] framed() {
        return ByteBuffer.allocate(Integer.BYTES + environment.length)
                .putInt(environment.length)
                .put(environment)
                .array();
    }

    private void said(String line) {
        String[] words = line.split(" ", 3);
        switch (words[0]) {
            case "started" -> beginning.complete(new Beginning.Started());
            case "failed" ->
                beginning.complete(LaunchFailure.parse(line)
                        .<Beginning>map(Beginning.Failed::new)
                        .orElseGet(Beginning.Silent::new));
            case "exited" -> ended(new ExitStatus.Exited(Integer.parseInt(words[1])));
            case "signalled" -> ended(new ExitStatus.Signalled(Integer.parseInt(words[1])));
            case "ended" -> ended(new ExitStatus.Cancelled());
            default -> throw new IllegalStateException("a launcher says what none says");
        }
    }

    private synchronized void ended(ExitStatus status) {
        last = status;
    }

    /** Nothing more will be said. */
    private void over() {
        beginning.complete(new Beginning.Silent());
        ExitStatus how;
        synchronized (this) {
            how = last;
        }
        end.complete(Optional.ofNullable(how));
    }

    /** Sends {@code T} or {@code K}; if the launcher is gone already there is nobody left to be told. */
    void order(char order) {
        WritableByteChannel channel;
        synchronized (this) {
            channel = connection;
        }
        try {
            if (channel != null && channel.isOpen()) {
                write(channel, new byte[] {(byte) order});
            }
        } catch (IOException e) {
            // It has ended meanwhile, and so has all that it watched over.
            return;
        }
    }

    private static void write(WritableByteChannel channel, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
