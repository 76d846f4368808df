package dev.cloister.core.session;

import dev.cloister.core.tenant.TenantId;
import java.util.Optional;

/**
 * One conversation with the agent.
 *
 * @param model empty until a turn or the creator chose one
 * @param system the creator's system prompt; empty if none
 * @param forkedFrom the session whose conversation this one began with
 * @param started whether the agent has a transcript of it, so that the next turn resumes
 * @param createdAt milliseconds since the epoch
 * @param updatedAt milliseconds since the epoch
 */
public record Session(
        SessionId id,
        TenantId tenant,
        String title,
        String model,
        String system,
        Optional<SessionId> forkedFrom,
        boolean started,
        long turns,
        long createdAt,
        long updatedAt) {}
