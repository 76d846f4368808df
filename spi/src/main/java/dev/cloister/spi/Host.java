package dev.cloister.spi;

import java.nio.file.Path;

/**
 * The machine as a mode's probe sees it.
 *
 * @param kernel kernel name and release, for people
 * @param architecture as the JVM names it
 * @param serverUid the uid the server runs under; 0 may give each tenant a uid of its own
 * @param probeUids the first of two adjacent uids that belong to no tenant and no account: for probing only
 * @param scratch an existing directory below which a probe may make and must remove things; every uid can walk to it
 */
public record Host(String kernel, String architecture, long serverUid, long probeUids, Path scratch) {
    public boolean isRoot() {
        return serverUid == 0;
    }
}
