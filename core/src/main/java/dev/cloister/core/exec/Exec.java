package dev.cloister.core.exec;

import java.time.Duration;
import java.util.Optional;

/** A running command. One thread polls; any thread may cancel. Closing cancels what still runs and waits until it is gone. */
public interface Exec extends AutoCloseable {
    /** The next output, or empty if none came in time or all was polled and the command has ended. */
    Optional<ExecEvent> poll(Duration timeout) throws InterruptedException;

    /** Present when the command has ended and all output was polled. */
    Optional<ExecResult> result();

    void cancel();

    @Override
    void close();
}
