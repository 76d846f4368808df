package dev.cloister.cli.wiring;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.turn.Turn;
import dev.cloister.core.turn.TurnRequest;
import dev.cloister.core.turn.Turns;
import dev.cloister.server.api.Readiness;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Between listening and being proven: turns that come early wait for the canary. Thread-safe. */
final class StartUp {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final CountDownLatch decided = new CountDownLatch(1);
    private volatile @Nullable String failure;

    void proven() {
        decided.countDown();
    }

    void failed(RuntimeException why) {
        failure = why.getMessage();
        decided.countDown();
    }

    Readiness readiness() {
        String why = failure;
        if (why != null) {
            return new Readiness(List.of(why));
        }
        return new Readiness(decided.getCount() == 0 ? List.of() : List.of("the agent's trial turn is still running"));
    }

    /** The same turns, but none before the canary has sung. */
    Turns gate(Turns turns) {
        return new Turns() {
            @Override
            public Turn start(TurnRequest request, Runnable stillWanted) {
                awaitDecision();
                return turns.start(request, stillWanted);
            }

            @Override
            public boolean interrupt(TenantId tenant, SessionId session) {
                return turns.interrupt(tenant, session);
            }
        };
    }

    private void awaitDecision() {
        try {
            if (decided.await(PATIENCE.toMillis(), TimeUnit.MILLISECONDS) && failure == null) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        throw new CloisterException(
                ErrorCode.NOT_READY,
                "the server is not ready for turns; GET /readyz says why",
                Duration.ofSeconds(2),
                null);
    }
}
