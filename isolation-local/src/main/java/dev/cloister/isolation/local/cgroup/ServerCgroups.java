package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxLimits;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.regex.Pattern;

/** The groups of a server below parents that the search made. */
final class ServerCgroups implements Cgroups {
    private static final Pattern NAME = Pattern.compile("[a-z0-9-]{1,200}");

    private final Kernel kernel;
    private final Reaper reaper;
    private final Dialect dialect;
    private final Map<String, SandboxGroup> open = new ConcurrentHashMap<>();
    /** Many may create at once, none while close runs. */
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

    private boolean closed;
    private boolean gone;

    ServerCgroups(Kernel kernel, Reaper reaper, Dialect dialect) {
        this.kernel = kernel;
        this.reaper = reaper;
        this.dialect = dialect;
    }

    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    @Override
    public Cgroup create(String name, SandboxLimits limits) {
        if (!isName(name)) {
            throw new IllegalArgumentException("not a name for a control group");
        }
        lock.readLock().lock();
        try {
            if (closed) {
                throw new IsolationException(new Finding(
                        "no control group can be made", "the server is stopping", "Send the request again later."));
            }
            SandboxGroup group =
                    new SandboxGroup(kernel, reaper, dialect, name, ended -> open.remove(ended.name(), ended));
            if (open.putIfAbsent(name, group) != null) {
                throw new IsolationException(new Finding(
                        "a sandbox has two control groups of one name",
                        "the group " + name + " is in use",
                        "Close the sandbox before it is prepared again."));
            }
            try {
                group.make(limits);
            } catch (RuntimeException e) {
                open.remove(name, group);
                throw e;
            }
            return group;
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public Set<Controller> controllers() {
        return dialect.controllers();
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            closed = true;
            if (gone) {
                return;
            }
            // All at once; each then finds itself empty, keeps its last figures and goes.
            Failures failures = new Failures();
            failures.attempt(() -> reaper.kill(dialect.parents()));
            for (SandboxGroup group : List.copyOf(open.values())) {
                failures.attempt(group::close);
            }
            failures.attempt(() -> reaper.remove(dialect.parents()));
            failures.report();
            gone = true;
        } finally {
            lock.writeLock().unlock();
        }
    }

    /** One stuck process is no reason to leave the rest. */
    private static final class Failures {
        private final List<IsolationException> all = new ArrayList<>();

        void attempt(Runnable step) {
            try {
                step.run();
            } catch (IsolationException e) {
                all.add(e);
            }
        }

        void report() {
            if (!all.isEmpty()) {
                IsolationException first = all.removeFirst();
                all.forEach(first::addSuppressed);
                throw first;
            }
        }
    }
}
