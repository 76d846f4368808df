package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxLimits;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * The control groups of one server: one parent in each hierarchy, and one group below it for each sandbox.
 *
 * <p>Limits hold for processes that cannot write to the hierarchy themselves: a launcher has to hide it, or the processes
 * have to run under another uid than the server. Thread-safe. Source: the kernel's admin-guide/cgroup-v1 and
 * admin-guide/cgroup-v2, cgroups(7).
 */
public interface Cgroups extends AutoCloseable {
    /**
     * Looks for hierarchies in which this server may make groups, by doing it: the parent is made, a group in it is given
     * limits that are read back, a process joins it and is killed with it, and it is removed. What an earlier server of
     * the same instance left is killed and removed first.
     *
     * <p>Version 1 is taken where it has one of the controllers memory, cpu and pids, also beside version 2. In
     * version 2 a group that has processes cannot hand controllers down; if the server sits in the group below which the
     * parent is to be, it moves itself, and nothing else, to a group {@code cloister-server} there, which stays, and hands the
     * controllers down from where it was. That is the only write to a group that Cloister did not make. Not for the hot path:
     * takes around a hundred milliseconds.
     *
     * @param configuredParent an existing group below which to make the parent, as a directory or as a path within each
     *     hierarchy; empty: below the server's own group
     * @param instance names the installation, {@code [a-z0-9-]+}; the same after a restart, and of no other server that runs
     */
    static CgroupSearch find(Optional<Path> configuredParent, String instance) {
        return find(configuredParent, instance, Path.of("/proc/self"));
    }

    /**
     * The same for another view of the server's process.
     *
     * @param procSelf where the files {@code mountinfo} and {@code cgroup} are
     */
    static CgroupSearch find(Optional<Path> configuredParent, String instance, Path procSelf) {
        return new Search(new LinuxKernel(), new Patience(Duration.ofSeconds(10)), configuredParent, instance, procSelf)
                .run();
    }

    /**
     * Makes a group with limits. A group of that name that this server no longer holds is killed and removed first.
     *
     * @param name {@code [a-z0-9-]+}, at most 200 characters
     * @return the caller's to close
     * @throws IsolationException if it could not be made or bounded, if the name is in use, or after close; nothing is left
     */
    Cgroup create(String name, SandboxLimits limits);

    /** What can be used; of the limits, those of the controllers in this set hold. */
    Set<Controller> controllers();

    /**
     * Kills and removes every group of this server, and the parent. May be called twice.
     *
     * @throws IsolationException if something could not be killed or removed in time; the rest is gone
     */
    @Override
    void close();
}
