package dev.cloister.core.turn;

import dev.cloister.core.error.CloisterException;
import tools.jackson.databind.node.ObjectNode;

/** How a turn ended. */
public sealed interface TurnOutcome {
    /** @param message the complete answer as the Messages API's {@code message} object */
    record Completed(ObjectNode message) implements TurnOutcome {}

    record Failed(CloisterException error) implements TurnOutcome {}

    record Cancelled(String reason) implements TurnOutcome {}
}
