package dev.cloister.spi;

import java.nio.channels.SocketChannel;
import java.util.Optional;

/** A confined place in which processes of one tenant run. Thread-safe. */
public interface Sandbox extends AutoCloseable {
    SandboxRef ref();

    SandboxPaths paths();

    /** Makes a directory through which server and tenant meet; the caller owns and closes it. */
    SharedDirectory share();

    /**
     * How many times as long as on the host's own processors what runs here may take: 1, or more where another program plays the
     * processor. A time limit that Cloister sets to programs of its own choice is multiplied by it.
     */
    default int slowness() {
        return 1;
    }

    /** Whether its processes have a network of their own, in which nobody else listens and which leads nowhere. */
    boolean hasOwnNetwork();

    /**
     * Starts a process. Its TMPDIR is new and empty, and goes with it.
     *
     * @throws IsolationException if it could not be started with every layer in place
     */
    SandboxProcess launch(ProcessSpec spec);

    /**
     * Connects to a server that an exposed process listens with on its own loopback device.
     *
     * @param port from 1 to 65535
     * @return a connection that blocks and is the caller's; empty if nothing listens there
     */
    default Optional<SocketChannel> connect(int port) {
        return Optional.empty();
    }

    /**
     * Returns when what its processes have written to the workspace would outlive the loss of all that they run in. What a process
     * wrote that has ended always would; this is for those that go on.
     *
     * @throws IsolationException if that cannot be said
     */
    default void settle() {}

    /** What its processes have used so far; empty where the host gives no means to count it. */
    Optional<Usage> usage();

    /** Kills every process in the sandbox. Idempotent; returns when they are gone. */
    @Override
    void close();
}
