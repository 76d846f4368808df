package dev.cloister.core.turn;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;

/** Starts turns. Thread-safe. */
public interface Turns {
    /**
     * @throws CloisterException NOT_FOUND for an unknown session or a model that is not allowed, CONFLICT while another
     *     turn of the session runs, RATE_LIMITED or OVERLOADED at a limit
     * @param stillWanted is asked now and then while the turn waits for its place; what it throws ends that
     */
    Turn start(TurnRequest request, Runnable stillWanted);

    /** Cancels the session's running turn; false if none runs. */
    boolean interrupt(TenantId tenant, SessionId session);
}
