package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.cgroup.ForeignCgroup;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Forward;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SharedDirectory;
import java.io.IOException;
import java.util.Optional;

/** The container or the virtual machine of one tenant. It mends itself when a guest is asked for. Thread-safe. */
public interface GuestHost {
    /**
     * The guest in it, which runs then.
     *
     * @throws IsolationException if it cannot be brought to that
     */
    Guest guest();

    /** The guest, in which a port leads to a socket from now on. */
    default Guest guest(Forward forward) {
        Guest guest = guest();
        try {
            guest.forward(forward);
            return guest;
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the way out of a tenant's guest could not be made",
                            String.valueOf(e.getMessage()),
                            "Try again; nothing was started."),
                    e);
        }
    }

    /** See {@link Sandbox#slowness}. */
    default int slowness() {
        return 1;
    }

    /** See {@link Sandbox#settle}. */
    default void settle() {}

    /** A new directory through which server and tenant meet. The caller's. */
    SharedDirectory share();

    /** What counts and bounds all that runs there; empty where nothing does. */
    Optional<ForeignCgroup> cgroup();

    /** Whether all of it ended for want of memory, and was not started since. */
    boolean endedOutOfMemory();

    /** Ends all that runs there; itself it may go on, to be used again. */
    void rest();
}
