package dev.cloister.core.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.SandboxProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** A process that is a thread of the test, with real pipes. To terminate it interrupts it and closes its ends. */
public final class FakeProcess implements SandboxProcess {
    private static final AtomicLong PIDS = new AtomicLong(1_000_000);

    private final long pid = PIDS.incrementAndGet();
    private final Pipe stdin = pipe();
    private final Pipe stdout = pipe();
    private final Pipe stderr = pipe();
    private final OutputStream toProgram = Channels.newOutputStream(stdin.sink());
    private final InputStream fromProgram = Channels.newInputStream(stdout.source());
    private final InputStream complaints = Channels.newInputStream(stderr.source());
    private final List<Duration> terminations = new CopyOnWriteArrayList<>();
    private final CompletableFuture<ExitStatus> ended = new CompletableFuture<>();
    private final Thread thread;
    private volatile @Nullable LongSupplier memory;

    /** Thrown by a program that the kernel or the sandbox ends. */
    public static final class EndedAs extends RuntimeException {
        private final ExitStatus status;

        public EndedAs(ExitStatus status) {
            this.status = status;
        }
    }

    /** How much memory it says it takes; it is asked each time. */
    public FakeProcess taking(LongSupplier bytes) {
        memory = bytes;
        return this;
    }

    /** What the process does; its return value is the exit code. */
    @FunctionalInterface
    public interface Program {
        int run(Terminal terminal) throws IOException, InterruptedException;
    }

    /** The program's side of the pipes. */
    public static final class Terminal {
        private final BufferedReader in;
        private final OutputStream out;
        private final OutputStream err;

        private Terminal(InputStream in, OutputStream out, OutputStream err) {
            this.in = new BufferedReader(new InputStreamReader(in, UTF_8));
            this.out = out;
            this.err = err;
        }

        /** The next line, or empty when standard input was closed. */
        public Optional<String> readLine() throws IOException {
            return Optional.ofNullable(in.readLine());
        }

        public void print(String text) throws IOException {
            out.write(text.getBytes(UTF_8));
        }

        public void complain(String text) throws IOException {
            err.write(text.getBytes(UTF_8));
        }
    }

    public FakeProcess(Program program) {
        Terminal terminal = new Terminal(
                Channels.newInputStream(stdin.source()),
                Channels.newOutputStream(stdout.sink()),
                Channels.newOutputStream(stderr.sink()));
        thread = Thread.ofPlatform().daemon(true).name("fake-process-" + pid).start(() -> run(program, terminal));
    }

    private void run(Program program, Terminal terminal) {
        ExitStatus status;
        try {
            status = new ExitStatus.Exited(program.run(terminal));
        } catch (EndedAs e) {
            status = e.status;
        } catch (IOException | InterruptedException e) {
            // What a write to a closed pipe does to a process.
            status = new ExitStatus.Signalled(13);
        }
        closeOwnEnds();
        ended.complete(terminations.isEmpty() ? status : new ExitStatus.Cancelled());
    }

    private void closeOwnEnds() {
        try {
            stdin.source().close();
            stdout.sink().close();
            stderr.sink().close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Pipe pipe() {
        try {
            return Pipe.open();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The grace of each call of {@link #terminate}. */
    public List<Duration> terminations() {
        return List.copyOf(terminations);
    }

    @Override
    public long pid() {
        return pid;
    }

    @Override
    public OutputStream stdin() {
        return toProgram;
    }

    @Override
    public InputStream stdout() {
        return fromProgram;
    }

    @Override
    public InputStream stderr() {
        return complaints;
    }

    @Override
    public boolean isAlive() {
        return !ended.isDone();
    }

    @Override
    public OptionalLong memory() {
        LongSupplier told = memory;
        return told == null || !isAlive() ? OptionalLong.empty() : OptionalLong.of(told.getAsLong());
    }

    @Override
    public void terminate(Duration grace) {
        terminations.add(grace);
        thread.interrupt();
        closeOwnEnds();
        ended.join();
    }

    @Override
    public ExitStatus await() throws InterruptedException {
        try {
            return ended.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("never completed with an exception", e);
        }
    }
}
