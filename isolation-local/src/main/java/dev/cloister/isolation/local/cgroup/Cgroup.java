package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.IsolationException;
import dev.cloister.spi.Usage;
import java.nio.file.Path;
import java.util.List;

/** The control group of one sandbox. Whoever created it closes it. Thread-safe. */
public interface Cgroup extends AutoCloseable {
    /**
     * The files that a launcher with the server's rights writes a process id into, each, before it starts the program. What
     * descends from the process is in the group as well.
     */
    List<Path> joins();

    /**
     * What its processes used, those that ended included; zero for what the host does not measure. After close: what they
     * had used by then.
     *
     * @throws IsolationException if the kernel does not say
     */
    Usage usage();

    /** As {@link #usage} says, without the rest: how many of its processes were killed for want of memory. */
    long oomKills();

    /**
     * Ends every process in it, whatever those do against it. On return none is left; the group can be used again.
     *
     * @throws IsolationException if some are left after a bounded time, as with a process that waits for a dead disk
     */
    void kill();

    /**
     * Kills, and removes the group in every hierarchy. May be called twice.
     *
     * @throws IsolationException if something is left after a bounded time; a further close does nothing, but to create a
     *     group of the same name, or to close the {@link Cgroups}, tries again
     */
    @Override
    void close();
}
