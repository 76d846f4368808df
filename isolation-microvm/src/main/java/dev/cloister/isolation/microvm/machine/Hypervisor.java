package dev.cloister.isolation.microvm.machine;

import dev.cloister.spi.IsolationException;
import java.nio.file.Path;
import java.util.Optional;

/** One way to run virtual machines. Thread-safe. */
public interface Hypervisor extends AutoCloseable {
    /** Name, version and accelerator, for people. */
    String description();

    /**
     * Starts a machine as a process of its own, which outlives this server unless it is closed.
     *
     * @param saved the directory of what {@link Machine#save} kept of a machine with the same memory, processors and number of
     *     disks; empty: it boots
     * @throws IsolationException if it could not be started, with what the hypervisor said
     */
    Machine start(MachinePlan plan, Optional<Path> saved);

    /** The machine that an earlier server started with a plan of the same directory, if it still runs. */
    Optional<Machine> running(MachinePlan plan);

    /** How many times as long as on the host's own processors a guest may take, at least 1. */
    default int slowness() {
        return 1;
    }

    /** How many processors a machine has that is to have this many. */
    default int processors(int wanted) {
        return wanted;
    }

    /** Gives back what it holds itself; machines go on. */
    @Override
    default void close() {}
}
