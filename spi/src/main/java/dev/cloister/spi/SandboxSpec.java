package dev.cloister.spi;

import java.nio.file.Path;

/**
 * A place to be made for one tenant.
 *
 * @param name the tenant's id: lower-case hex
 * @param uid the uid and gid its processes take; the server's own where the host gives no other
 * @param work the tenant's code, an existing directory on the host
 * @param home the tenant's HOME, an existing directory on the host
 * @param tmp below it each process gets a TMPDIR of its own, removed when the process has ended
 */
public record SandboxSpec(String name, long uid, Path work, Path home, Path tmp) {
    /** The name of {@link #disk}. */
    public static final String DISK = "disk";

    /**
     * Where a mode that {@linkplain IsolationBackend#keepsFiles keeps files} keeps this tenant's: a regular file, the tenant's own
     * with mode 0600, beside its directories, so that it goes with them when the tenant is deleted.
     */
    public Path disk() {
        return work.resolveSibling(DISK);
    }
}
