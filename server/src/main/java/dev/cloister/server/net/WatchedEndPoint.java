package dev.cloister.server.net;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;

/**
 * A connection that knows where it is in a request, and so can do three things that Jetty's cannot:
 *
 * <ul>
 *   <li>tell whether the client went away while its request is answered, without writing to it;
 *   <li>end a request that does not arrive in time: a head is cut off, a body reads as ended early, so that an answer is
 *       still possible;
 *   <li>let an answer be silent for longer than the idle timeout.
 * </ul>
 *
 * Thread-safe. What {@link #peerGone} reads ahead is handed to Jetty by the next {@link #fill}; Jetty itself never reads
 * between the last byte of a request and the end of its answer.
 */
final class WatchedEndPoint extends SocketChannelEndPoint implements ClientConnection {
    /** More than this is not read ahead: a client that pipelines so much has not gone away. */
    private static final int READ_AHEAD = 16 * 1024;

    /** Nearly always there is nothing to read; looking must not cost a large buffer. */
    private static final int PROBE = 64;

    private enum Phase {
        IDLE,
        HEAD,
        BODY,
        UPLOAD,
        ANSWER
    }

    private final Scheduler scheduler;
    private final Executor executor;
    private final Duration requestTime;
    private final ReentrantLock lock = new ReentrantLock();
    private Phase phase = Phase.IDLE;
    private Scheduler.@Nullable Task deadline;
    private @Nullable ByteBuffer readAhead;
    private boolean gone;
    private boolean late;
    private long uploadRate;
    private long uploaded;

    WatchedEndPoint(
            SocketChannel channel,
            ManagedSelector selector,
            SelectionKey key,
            Scheduler scheduler,
            Executor executor,
            Duration requestTime) {
        super(channel, selector, key, scheduler);
        this.scheduler = scheduler;
        this.executor = executor;
        this.requestTime = requestTime;
    }

    @Override
    public int fill(ByteBuffer buffer) throws IOException {
        lock.lock();
        try {
            if (late) {
                return -1;
            }
            int filled = hasReadAhead() ? takeReadAhead(buffer) : super.fill(buffer);
            if (filled > 0) {
                uploaded += filled;
                if (phase == Phase.IDLE) {
                    phase = Phase.HEAD;
                    startDeadline();
                }
            }
            return filled;
        } finally {
            lock.unlock();
        }
    }

    private boolean hasReadAhead() {
        return readAhead != null && readAhead.hasRemaining();
    }

    private int takeReadAhead(ByteBuffer buffer) {
        ByteBuffer from = readAhead;
        if (from == null) {
            return 0;
        }
        int position = BufferUtil.flipToFill(buffer);
        int taken = BufferUtil.put(from, buffer);
        BufferUtil.flipToFlush(buffer, position);
        if (!from.hasRemaining()) {
            readAhead = null;
        }
        notIdle();
        return taken;
    }

    @Override
    protected void needsFillInterest() {
        lock.lock();
        try {
            if (hasReadAhead() || late) {
                executor.execute(getFillInterest()::fillable);
                return;
            }
        } finally {
            lock.unlock();
        }
        super.needsFillInterest();
    }

    @Override
    public void requestBegun(boolean hasBody) {
        lock.lock();
        try {
            phase = hasBody ? Phase.BODY : Phase.ANSWER;
            if (!hasBody) {
                stopDeadline();
            } else if (deadline == null) {
                startDeadline();
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void uploadBegun(long bytesPerSecond) {
        lock.lock();
        try {
            if (phase == Phase.BODY) {
                phase = Phase.UPLOAD;
                uploadRate = bytesPerSecond;
                uploaded = 0;
                startDeadline();
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void requestReceived() {
        lock.lock();
        try {
            phase = Phase.ANSWER;
            stopDeadline();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void requestAnswered() {
        lock.lock();
        try {
            phase = Phase.IDLE;
            stopDeadline();
            notIdle();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean tooSlow() {
        lock.lock();
        try {
            return late;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean peerGone() {
        lock.lock();
        try {
            if (gone || !isOpen()) {
                return true;
            }
            if (readAhead != null && readAhead.remaining() > READ_AHEAD) {
                return false;
            }
            ByteBuffer probe = ByteBuffer.allocate(readAhead == null ? PROBE : READ_AHEAD);
            gone = getChannel().read(probe) < 0;
            keep(probe.flip());
            return gone;
        } catch (IOException _) {
            gone = true;
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void keep(ByteBuffer more) {
        if (more.hasRemaining()) {
            ByteBuffer kept = readAhead;
            readAhead = kept == null
                    ? more
                    : ByteBuffer.allocate(kept.remaining() + more.remaining())
                            .put(kept)
                            .put(more)
                            .flip();
        }
    }

    @Override
    public void abort() {
        close(new IOException("the answer could not be completed"));
    }

    private void startDeadline() {
        stopDeadline();
        deadline = scheduler.schedule(this::deadlinePassed, requestTime.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void stopDeadline() {
        if (deadline != null) {
            deadline.cancel();
            deadline = null;
        }
    }

    private void deadlinePassed() {
        boolean closeNow = false;
        lock.lock();
        try {
            deadline = null;
            switch (phase) {
                case HEAD -> closeNow = true;
                case BODY -> endInput();
                case UPLOAD -> {
                    // Only a reader that waits for the client blames the client.
                    if (isFillInterested() && uploaded < uploadRate * requestTime.toMillis() / 1000) {
                        endInput();
                    } else {
                        uploaded = 0;
                        startDeadline();
                    }
                }
                case IDLE, ANSWER -> {}
            }
        } finally {
            lock.unlock();
        }
        if (closeNow) {
            close(new TimeoutException("the head of the request did not arrive in time"));
        }
    }

    private void endInput() {
        late = true;
        if (isFillInterested()) {
            executor.execute(getFillInterest()::fillable);
        }
    }

    @Override
    protected void onIdleExpired(TimeoutException timeout) {
        lock.lock();
        try {
            // While a request is received its own deadline counts; while it is answered only a client that does not
            // read
            // is idle.
            if (phase != Phase.IDLE && !getWriteFlusher().isPending()) {
                notIdle();
                return;
            }
        } finally {
            lock.unlock();
        }
        super.onIdleExpired(timeout);
    }

    @Override
    public void onClose(@Nullable Throwable cause) {
        lock.lock();
        try {
            gone = true;
            stopDeadline();
        } finally {
            lock.unlock();
        }
        super.onClose(cause);
    }
}
