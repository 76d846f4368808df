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
public record SandboxSpec(String name, long uid, Path work, Path home, Path tmp) {}
