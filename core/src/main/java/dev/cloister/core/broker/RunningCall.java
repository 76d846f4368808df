package dev.cloister.core.broker;

import dev.cloister.core.upstream.UpstreamRequest;
import dev.cloister.core.upstream.UpstreamResponse;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One call on its way through the broker, which {@link #cut} ends from another thread: before it is sent, while it waits
 * for the upstream, and while its answer streams. Idempotent.
 */
final class RunningCall implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RunningCall.class);

    private final ServedTurn turn;
    private @Nullable Thread waiting;
    private @Nullable UpstreamResponse response;
    private boolean cut;

    RunningCall(ServedTurn turn) {
        this.turn = turn;
    }

    ServedTurn turn() {
        return turn;
    }

    /** @throws InterruptedException if the call was cut */
    UpstreamResponse send(UpstreamRequest request) throws IOException, InterruptedException {
        synchronized (this) {
            if (cut) {
                throw new InterruptedException("cut");
            }
            waiting = Thread.currentThread();
        }
        UpstreamResponse answer = null;
        boolean wasCut;
        try {
            answer = turn.terms().upstream().send(request);
        } finally {
            wasCut = returned(answer);
        }
        if (wasCut) {
            close();
            throw new InterruptedException("cut");
        }
        return answer;
    }

    private synchronized boolean returned(@Nullable UpstreamResponse answer) {
        waiting = null;
        response = answer;
        if (cut) {
            // The interrupt was meant for this call; the thread belongs to the server, which reuses it.
            Thread.interrupted();
        }
        return cut;
    }

    void cut() {
        synchronized (this) {
            cut = true;
            if (waiting != null) {
                waiting.interrupt();
            }
        }
        close();
    }

    synchronized boolean isCut() {
        return cut;
    }

    @Override
    public void close() {
        UpstreamResponse open;
        synchronized (this) {
            open = response;
            response = null;
        }
        if (open != null) {
            try {
                open.close();
            } catch (IOException e) {
                LOG.debug("closing the upstream's answer failed", e);
            }
        }
    }
}
