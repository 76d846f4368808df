package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.launch.RunningLauncher;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** A launcher that runs in a guest. */
final class GuestLauncher implements RunningLauncher {
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    /** Negative: no process of the server's own machine is meant. */
    private static final AtomicLong NUMBERS = new AtomicLong();

    private final long number = NUMBERS.decrementAndGet();
    private final Conversation conversation;
    private final Runnable endGuest;

    /** @param endGuest ends the guest and all in it: for one that does not do as it is told */
    GuestLauncher(Conversation conversation, Runnable endGuest) {
        this.conversation = conversation;
        this.endGuest = endGuest;
    }

    @Override
    public long pid() {
        return number;
    }

    @Override
    public OutputStream stdin() {
        return conversation.stdin();
    }

    @Override
    public InputStream stdout() {
        return conversation.stdout();
    }

    @Override
    public InputStream stderr() {
        return conversation.stderr();
    }

    @Override
    public boolean isAlive() {
        return !conversation.over().isDone();
    }

    @Override
    public void awaitEnd() throws InterruptedException {
        try {
            conversation.over().get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    @Override
    public OptionalLong memory() {
        try {
            long kibibytes = conversation.askMemory().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            return kibibytes > 0 ? OptionalLong.of(kibibytes << 10) : OptionalLong.empty();
        } catch (TimeoutException e) {
            return OptionalLong.empty();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return OptionalLong.empty();
        }
    }

    @Override
    public void kill() {
        conversation.kill();
    }

    /** What it watches over the guest ends; a tenant may have stopped that one, and then the whole guest goes. */
    @Override
    public void killAll() {
        conversation.kill();
        try {
            conversation.over().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            endGuest.run();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            endGuest.run();
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void discard() {
        conversation.kill();
        conversation.stdout().close();
        conversation.stderr().close();
    }
}
