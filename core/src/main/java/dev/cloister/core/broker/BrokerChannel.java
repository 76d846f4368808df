package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.usage.UsageTotals;
import java.util.Optional;

/** A session's open socket. Closing it ends every call that runs through it. Idempotent. */
public interface BrokerChannel extends AutoCloseable {
    /** What was used through this socket so far; {@code model} is that of the last answer. */
    UsageTotals used();

    /**
     * Why the last model call failed: the upstream's status, message and {@code retry-after}, or the broker's own refusal.
     * Empty if the last call succeeded. The agent's program loses most of this.
     */
    Optional<CloisterException> lastFailure();

    @Override
    void close();
}
