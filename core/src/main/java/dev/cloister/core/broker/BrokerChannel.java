package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.usage.UsageTotals;
import java.util.Optional;

/**
 * A session's open socket. It passes calls on only during a turn: between two of them, what a tool left running has nothing
 * to call a model for, and nobody to pay for it. Closing it ends every call that runs through it. Thread-safe, close is
 * idempotent.
 */
public interface BrokerChannel extends AutoCloseable {
    /** A turn begins: calls are passed on by its terms, and counted from zero. */
    void serve(BrokerTurn turn);

    /** The turn is over: calls that run are cut, and those that come are refused. */
    void rest();

    /** What the last turn used so far; {@code model} is that of its last answer. */
    UsageTotals used();

    /**
     * Why the turn's last model call failed: the upstream's status, message and {@code retry-after}, or the broker's own
     * refusal. Empty if the last call succeeded. The agent's program loses most of this.
     */
    Optional<CloisterException> lastFailure();

    @Override
    void close();
}
