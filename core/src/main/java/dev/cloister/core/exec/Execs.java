package dev.cloister.core.exec;

import dev.cloister.core.error.CloisterException;

/** Starts commands. Thread-safe. */
public interface Execs {
    /** @throws CloisterException RATE_LIMITED or OVERLOADED at a limit, INVALID_REQUEST for a bad working directory */
    Exec start(ExecRequest request);
}
