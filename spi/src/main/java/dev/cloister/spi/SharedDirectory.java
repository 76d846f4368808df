package dev.cloister.spi;

import java.nio.file.Path;

/**
 * A directory that the server owns and the tenant can only enter: what stands in it, the tenant can use but neither
 * replace nor delete. Holds the broker's socket and read-only files.
 */
public interface SharedDirectory extends AutoCloseable {
    /** The directory on the host. */
    Path host();

    /** The same directory as the tenant's processes see it. */
    String inner();

    /** Writes a file that the tenant can read. Returns its path as the tenant sees it. */
    String publish(String name, byte[] content);

    /** Lets the tenant connect to a socket that the server has bound in this directory. */
    void admit(Path socket);

    /** Removes the directory and all in it. Idempotent. */
    @Override
    void close();
}
