package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A group below a server's parent, in every hierarchy. */
final class SandboxGroup implements Cgroup {
    private final Kernel kernel;
    private final Reaper reaper;
    private final Dialect dialect;
    private final String name;
    private final List<Path> groups;
    private final Consumer<SandboxGroup> whenClosed;
    private final AtomicLong peak = new AtomicLong();

    @Nullable
    private volatile Usage last;

    private boolean closed;

    SandboxGroup(Kernel kernel, Reaper reaper, Dialect dialect, String name, Consumer<SandboxGroup> whenClosed) {
        this.kernel = kernel;
        this.reaper = reaper;
        this.dialect = dialect;
        this.name = name;
        this.groups = dialect.groups(name);
        this.whenClosed = whenClosed;
    }

    String name() {
        return name;
    }

    /** Makes it on the machine; on failure nothing is left. */
    void make(SandboxLimits limits) {
        try {
            try {
                makeGroups();
            } catch (FileAlreadyExistsException e) {
                reaper.remove(groups);
                makeGroups();
            }
            for (Dialect.Setting setting : dialect.limits(name, limits)) {
                kernel.write(setting.file(), setting.value());
            }
        } catch (IOException e) {
            IsolationException failure = new IsolationException(
                    new Finding(
                            "the control group of a sandbox could not be made",
                            e.toString(),
                            "Check that the server may still write to " + dialect.parents()
                                    + " and that the limits are not above those of the groups around them."),
                    e);
            try {
                reaper.remove(groups);
            } catch (IsolationException left) {
                failure.addSuppressed(left);
            }
            throw failure;
        }
    }

    private void makeGroups() throws IOException {
        for (Path group : groups) {
            kernel.makeGroup(group);
        }
    }

    @Override
    public List<Path> joins() {
        return groups.stream().map(group -> group.resolve("cgroup.procs")).toList();
    }

    private interface Reading<T> {
        T read() throws IOException;
    }

    @Override
    public Usage usage() {
        return figure(this::measure, usage -> usage);
    }

    @Override
    public long oomKills() {
        return figure(() -> dialect.oomKills(kernel, name), Usage::oomKills);
    }

    /** @param settled what it is when the group is closed */
    private <T> T figure(Reading<T> reading, Function<Usage, T> settled) {
        Usage before = last;
        if (before != null) {
            return settled.apply(before);
        }
        try {
            T now = reading.read();
            Usage after = last;
            // If it was closed meanwhile, the figures are those of files that were just going away.
            return after == null ? now : settled.apply(after);
        } catch (IOException e) {
            Usage after = last;
            if (after != null) {
                return settled.apply(after);
            }
            throw new IsolationException(
                    new Finding(
                            "the use of a sandbox could not be measured",
                            e.toString(),
                            "Check that nobody else manages " + dialect.parents() + "."),
                    e);
        }
    }

    private Usage measure() throws IOException {
        Usage now = dialect.usage(kernel, name);
        long highest = peak.accumulateAndGet(Math.max(now.memory(), now.memoryPeak()), Math::max);
        return new Usage(now.cpu(), now.throttled(), now.memory(), highest, now.oomKills(), now.pidsRefused());
    }

    @Override
    public synchronized void kill() {
        if (!closed) {
            reaper.kill(groups);
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        // Whether or not it succeeds: the name is free afterwards, and a successor's group must not be taken for this
        // one.
        closed = true;
        try {
            reaper.kill(groups);
            last = lastUsage();
            reaper.remove(groups);
        } finally {
            if (last == null) {
                last = lastUsage();
            }
            whenClosed.accept(this);
        }
    }

    private Usage lastUsage() {
        try {
            return measure();
        } catch (IOException e) {
            // It is gone, with its figures.
            return new Usage(Duration.ZERO, Duration.ZERO, 0, peak.get(), 0, 0);
        }
    }
}
