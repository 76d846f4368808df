package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/**
 * A tenant's code directory for the server's own use. No operation ever follows a symbolic link, at any component, even if
 * one is put there while it runs.
 *
 * <p>Paths are relative, with {@code /} between components; the empty path is the directory itself.
 */
public interface WorkspaceFiles {
    /** @param modifiedAt milliseconds since the epoch */
    record Entry(String name, Kind kind, long size, long modifiedAt, boolean executable) {}

    /**
     * A file that was opened; closing it closes {@code bytes}.
     *
     * @param size in bytes, when it was opened
     * @param bytes at most so many, and fewer if the file became shorter. Read by one thread
     */
    record Content(long size, InputStream bytes) implements Closeable {
        @Override
        public void close() throws IOException {
            bytes.close();
        }
    }

    enum Kind {
        FILE,
        DIRECTORY,
        LINK,
        OTHER
    }

    /** Splits and checks a path as a client sent it, already percent-decoded once; INVALID_REQUEST if it is not a plain relative path. */
    static List<String> components(String path, int maxLength) {
        return PathRules.components(path, maxLength);
    }

    /** What stands at the path. NOT_FOUND if nothing; FORBIDDEN if a component on the way is a link. */
    Entry stat(List<String> path) throws IOException;

    /** What stands at the path, for a use that would follow a link. FORBIDDEN, and reported, if it is one. */
    Entry target(List<String> path) throws IOException;

    /** What a directory holds, by name, at most {@code limit} entries. */
    List<Entry> list(List<String> path, int limit) throws IOException;

    /** Opens a regular file for reading; what takes its name later is not read. FORBIDDEN if it is a link. The caller closes it. */
    Content read(List<String> path) throws IOException;

    /**
     * Creates or atomically replaces a file, making the directories on the way. The file is complete or absent.
     *
     * @return true if it was created
     * @throws CloisterException TOO_LARGE beyond {@code maxBytes}; CONFLICT if a directory stands there
     */
    boolean write(List<String> path, InputStream content, long maxBytes, boolean executable) throws IOException;

    /** Deletes a file, a link itself, or a directory with all in it. NOT_FOUND if nothing stands there. */
    void delete(List<String> path) throws IOException;
}
