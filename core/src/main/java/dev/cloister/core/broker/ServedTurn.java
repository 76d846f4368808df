package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A turn's terms and what came of its calls; one that is cut late still counts for its own turn. Thread-safe. */
final class ServedTurn {
    private final BrokerTurn terms;
    private final SecretGuard guard;
    private UsageTotals used;
    private @Nullable CloisterException lastFailure;

    ServedTurn(BrokerTurn terms) {
        this.terms = terms;
        this.guard = new SecretGuard(terms.credential());
        this.used =
                new UsageTotals(terms.models().isEmpty() ? "" : terms.models().getFirst(), 0, 0, 0, 0, 0, 0);
    }

    BrokerTurn terms() {
        return terms;
    }

    SecretGuard guard() {
        return guard;
    }

    synchronized void add(UsageRecord more) {
        used = new UsageTotals(
                more.model(),
                used.calls() + 1,
                used.inputTokens() + more.inputTokens(),
                used.outputTokens() + more.outputTokens(),
                used.cacheWriteTokens() + more.cacheWriteTokens(),
                used.cacheReadTokens() + more.cacheReadTokens(),
                used.costMicros() + more.costMicros());
    }

    synchronized UsageTotals used() {
        return used;
    }

    synchronized void failed(CloisterException failure) {
        lastFailure = failure;
    }

    synchronized void succeeded() {
        lastFailure = null;
    }

    synchronized Optional<CloisterException> lastFailure() {
        return Optional.ofNullable(lastFailure);
    }
}
