package dev.cloister.spi;

import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * A process in a sandbox and everything that it started.
 *
 * <p>Read the streams from platform threads: a virtual thread blocked in a pipe read holds its carrier. Interrupting a
 * reader does not unblock it; {@link #terminate} does. Read both outputs to their end, or close them: until then each holds a
 * file of the server open.
 */
public interface SandboxProcess {
    long pid();

    OutputStream stdin();

    InputStream stdout();

    InputStream stderr();

    boolean isAlive();

    /**
     * How much memory the process and all it started take now, in bytes; of what they share with others, their share. Empty
     * where the host cannot say.
     */
    default OptionalLong memory() {
        return OptionalLong.empty();
    }

    /**
     * Asks the process to end, waits for up to {@code grace}, then kills it with everything that it started. Returns
     * when all are gone. Idempotent.
     */
    void terminate(Duration grace);

    /** Waits until the process and everything that it started are gone. */
    ExitStatus await() throws InterruptedException;
}
