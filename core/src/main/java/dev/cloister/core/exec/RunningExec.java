package dev.cloister.core.exec;

import dev.cloister.core.flow.Outbox;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A command with its pumps: one platform thread for each of its pipes, and a bounded queue to the one who polls. */
final class RunningExec implements Exec {
    private static final Duration GRACE = Duration.ofMillis(500);
    private static final int PIECE = 16 << 10;
    private static final int QUEUED_PIECES = 64;

    private final SandboxProcess process;
    private final Outbox<Piece> outbox = new Outbox<>(QUEUED_PIECES);
    private final AtomicBoolean timedOut = new AtomicBoolean();
    private final CompletableFuture<ExecResult> ended = new CompletableFuture<>();
    private final ScheduledFuture<?> timeout;
    private int openStreams = 2;
    private @Nullable ExecResult result;

    private sealed interface Piece {
        record Output(ExecEvent event) implements Piece {}

        record StreamEnded() implements Piece {}
    }

    RunningExec(
            SandboxProcess process,
            ExecRequest request,
            ScheduledExecutorService timer,
            Consumer<ExecResult> whenEnded) {
        this.process = process;
        long startedAt = System.nanoTime();
        this.timeout = timer.schedule(
                () -> {
                    timedOut.set(true);
                    end();
                },
                request.timeout().toMillis(),
                TimeUnit.MILLISECONDS);
        platform("stdout", () -> pump(process.stdout(), ExecEvent.Stream.STDOUT));
        platform("stderr", () -> pump(process.stderr(), ExecEvent.Stream.STDERR));
        feed(request.stdin());
        Thread.ofVirtual().name("exec-end-" + process.pid()).start(() -> {
            ExitStatus status = await();
            timeout.cancel(false);
            ExecResult outcome = new ExecResult(status, Duration.ofNanos(System.nanoTime() - startedAt));
            // The caller first: the books can be kept while it reads.
            ended.complete(outcome);
            whenEnded.accept(outcome);
        });
    }

    private void platform(String pipe, Runnable task) {
        Thread.ofPlatform()
                .daemon(true)
                .name("exec-" + pipe + "-" + process.pid())
                .start(task);
    }

    private ExitStatus await() {
        try {
            ExitStatus status = process.await();
            return timedOut.get() && status instanceof ExitStatus.Cancelled ? new ExitStatus.TimedOut() : status;
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts the thread that waits for a command", e);
        }
    }

    private void feed(byte[] stdin) {
        Runnable write = () -> {
            try (OutputStream out = process.stdin()) {
                out.write(stdin);
            } catch (IOException e) {
                // The command did not want all of it, which is its right.
                return;
            }
        };
        if (stdin.length == 0) {
            write.run();
        } else {
            platform("stdin", write);
        }
    }

    private void pump(InputStream in, ExecEvent.Stream stream) {
        byte[] buffer = new byte[PIECE];
        try {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                outbox.put(new Piece.Output(new ExecEvent(stream, Arrays.copyOf(buffer, n))));
            }
        } catch (IOException e) {
            // The process was killed and its pipe closed: the end of the stream all the same.
            outbox.put(new Piece.StreamEnded());
            return;
        }
        outbox.put(new Piece.StreamEnded());
    }

    @Override
    public Optional<ExecEvent> poll(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (openStreams > 0) {
            Piece piece = outbox.poll(Duration.ofNanos(deadline - System.nanoTime()));
            switch (piece) {
                case null -> {
                    return Optional.empty();
                }
                case Piece.Output output -> {
                    return Optional.of(output.event());
                }
                case Piece.StreamEnded end -> openStreams--;
            }
        }
        if (result == null) {
            try {
                result = ended.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                return Optional.empty();
            } catch (ExecutionException e) {
                throw new IllegalStateException("the end of a command could not be handled", e.getCause());
            }
        }
        return Optional.empty();
    }

    @Override
    public Optional<ExecResult> result() {
        return Optional.ofNullable(result);
    }

    @Override
    public void cancel() {
        end();
    }

    private void end() {
        Thread.ofVirtual().name("exec-kill-" + process.pid()).start(() -> process.terminate(GRACE));
    }

    @Override
    public void close() {
        outbox.abandon();
        process.terminate(Duration.ZERO);
        ended.join();
    }

    static String name(ExitStatus status) {
        return switch (status) {
            case ExitStatus.Exited exited -> "exited";
            case ExitStatus.Signalled signalled -> "signalled";
            case ExitStatus.TimedOut timedOut -> "timed_out";
            case ExitStatus.OutOfMemory outOfMemory -> "out_of_memory";
            case ExitStatus.Cancelled cancelled -> "cancelled";
        };
    }
}
