package dev.cloister.core.agent;

import java.util.Optional;

/**
 * How a message to the agent ended.
 *
 * @param result the agent's own word; empty if it ended without one, which is a failure
 * @param begun whether the agent took the message up: it says so before it does anything else
 * @param outOfMemory whether it has no result because its tenant's memory limit was reached
 * @param complaint why Cloister gave it up, if it did, and the last of what it wrote to standard error; may hold what a caller sent
 */
public record AgentEnd(Optional<AgentEvent.Result> result, boolean begun, boolean outOfMemory, String complaint) {}
