package dev.cloister.isolation.local.cgroup;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** All that this package asks of the machine, so that a test can stand in for a kernel that is not at hand. */
interface Kernel extends ControlFiles {
    /** Makes a directory in a hierarchy. */
    void makeGroup(Path group) throws IOException;

    /** Removes an empty group. */
    void removeGroup(Path group) throws IOException;

    boolean exists(Path path);

    /** The groups right below one. */
    List<Path> children(Path group) throws IOException;

    /** Sends SIGKILL to every process that is a member before and after it was looked up, but never to the server itself. */
    void kill(Members members) throws IOException;

    /** Starts a process that does nothing but wait, to try a group with. */
    Volunteer volunteer() throws IOException;

    /** Process ids, read anew at each call. */
    @FunctionalInterface
    interface Members {
        Set<Long> now() throws IOException;
    }

    /** A process to try a group with; close ends it. */
    interface Volunteer extends AutoCloseable {
        long pid();

        @Override
        void close();
    }
}
