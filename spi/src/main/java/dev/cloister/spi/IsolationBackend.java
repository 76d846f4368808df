package dev.cloister.spi;

import java.util.Optional;

/** A mode opened on this host. Thread-safe. Closing it closes every sandbox that it prepared. */
public interface IsolationBackend extends AutoCloseable {
    /**
     * Makes a place in which processes of one tenant can run. The caller owns the result and closes it.
     *
     * @throws IsolationException if any layer could not be applied: nothing runs with less than was asked for
     */
    Sandbox prepare(SandboxSpec spec);

    /**
     * Adopts what still runs of a sandbox that an earlier server left, so that it can be closed.
     *
     * @return empty if nothing of it is left
     */
    Optional<Sandbox> recover(SandboxRef ref);

    /**
     * Whether the mode itself keeps what a tenant has, in {@link SandboxSpec#disk}, where nothing but the tenant's own sandboxes
     * looks into it. The directories of a {@link SandboxSpec} are then only what it starts from: what stands there at the
     * tenant's first use moves in, and what its processes do later is not seen there.
     */
    default boolean keepsFiles() {
        return false;
    }

    @Override
    void close();
}
