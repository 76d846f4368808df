package dev.cloister.isolation.microvm.machine;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.nio.file.Path;
import java.time.Duration;

/** A virtual machine that was started. Thread-safe. */
public interface Machine extends AutoCloseable {
    /**
     * Connects to the guest, which serves one connection at a time: when one ends, all that runs inside ends with it. What is
     * said here reaches the guest when it is up.
     *
     * @throws IOException if the hypervisor does not take the connection in time
     */
    ByteChannel connect(Duration patience) throws IOException;

    /**
     * Waits until the guest is up and waits for a connection itself.
     *
     * @throws IOException if that takes longer
     */
    void awaitGuest(Duration patience) throws IOException;

    /** The hypervisor's process. */
    long pid();

    boolean isAlive();

    /**
     * Stops the machine where it is and keeps its state in an empty directory, for any number of others to start from. No
     * connection may be open. The machine does not go on; close it.
     *
     * @throws IsolationException if it could not be kept
     */
    void save(Path directory);

    /** Gives the guest less memory, or all of it again, where the hypervisor can. In bytes. */
    void balloon(long memory);

    /** Lets go of it, for another server to take over; it goes on. */
    void release();

    /** Ends it at once, as if the power went, and returns when its process is gone. Idempotent. */
    @Override
    void close();
}
