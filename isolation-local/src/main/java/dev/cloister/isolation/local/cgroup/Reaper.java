package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ends what is in groups and removes them, with all groups below, which a tenant may have made. The one place from which this
 * package kills. A list of groups is one group in its hierarchies, all of one version.
 */
record Reaper(Kernel kernel, Patience patience) {
    /** How long to wait for all to be stopped; one that waits for a disk can hold that up, but not the signal. */
    private static final Patience FREEZING = new Patience(Duration.ofMillis(100));

    /** @throws IsolationException if a process is left after the time for it */
    void kill(List<Path> groups) {
        act(groups, "the processes of a control group could not be ended", () -> killOnce(groups));
    }

    /** Kills as well; groups that are not there are fine. */
    void remove(List<Path> groups) {
        act(groups, "a control group could not be removed", () -> killOnce(groups) && removeAll(groups));
    }

    private void act(List<Path> groups, String what, Patience.Attempt attempt) {
        try {
            if (!patience.until(attempt)) {
                throw new IsolationException(new Finding(
                        what,
                        "after " + patience.limit().toSeconds() + " s "
                                + membersBelow(groups).size() + " processes were left in " + groups,
                        "Look at their state: D is a process that waits for a disk or a network file system."));
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            what,
                            e.toString(),
                            "Check that the server may still write to " + groups
                                    + " and that nobody else manages them."),
                    e);
        }
    }

    private boolean killOnce(List<Path> groups) throws IOException {
        if (isEmpty(groups)) {
            return true;
        }
        boolean killed = false;
        for (Path group : groups) {
            killed |= writeIfPresent(group.resolve("cgroup.kill"), "1");
        }
        if (!killed) {
            killStopped(groups);
        }
        return isEmpty(groups);
    }

    /**
     * Nobody forks between the look at who is there and the signals: stopped processes do not, and none does where no further
     * process is allowed. After its signal a process comes to nothing any more; a stopped one dies when it goes on.
     */
    private void killStopped(List<Path> groups) throws IOException {
        Map<Path, String> allowed = new HashMap<>();
        try {
            for (Path group : groups) {
                Path limit = group.resolve("pids.max");
                if (kernel.exists(limit)) {
                    allowed.put(limit, kernel.read(limit).strip());
                    writeIfPresent(limit, "0");
                }
                freeze(group);
            }
            kernel.kill(() -> membersBelow(groups));
        } finally {
            for (Path group : groups) {
                writeIfPresent(group.resolve("freezer.state"), "THAWED");
                writeIfPresent(group.resolve("cgroup.freeze"), "0");
            }
            for (Map.Entry<Path, String> limit : allowed.entrySet()) {
                writeIfPresent(limit.getKey(), limit.getValue());
            }
        }
    }

    /** If some are not stopped in time and fork, the next attempt sees their children. */
    private void freeze(Path group) throws IOException {
        if (writeIfPresent(group.resolve("freezer.state"), "FROZEN")) {
            FREEZING.until(() -> Dialect.readIfPresent(kernel, group.resolve("freezer.state"))
                    .startsWith("FROZEN"));
        } else if (writeIfPresent(group.resolve("cgroup.freeze"), "1")) {
            FREEZING.until(
                    () -> Text.keyed(Dialect.readIfPresent(kernel, group.resolve("cgroup.events")), "frozen") == 1);
        }
    }

    private boolean isEmpty(List<Path> groups) throws IOException {
        for (Path group : groups) {
            Path events = group.resolve("cgroup.events");
            boolean populated = kernel.exists(events)
                    ? Text.keyed(Dialect.readIfPresent(kernel, events), "populated") != 0
                    : !membersBelow(List.of(group)).isEmpty();
            if (populated) {
                return false;
            }
        }
        return true;
    }

    private Set<Long> membersBelow(List<Path> groups) throws IOException {
        Set<Long> members = new HashSet<>();
        for (Path group : groups) {
            try {
                members.addAll(Text.pids(kernel.read(group.resolve("cgroup.procs"))));
                members.addAll(membersBelow(kernel.children(group)));
            } catch (NoSuchFileException e) {
                // It was never made, or its tenant removed it while we looked: it has no members.
            }
        }
        return members;
    }

    private boolean removeAll(List<Path> groups) throws IOException {
        boolean all = true;
        for (Path group : groups) {
            all &= removeTree(group);
        }
        return all;
    }

    /** A group is busy while it has groups below, and for a moment after its last process ended. */
    private boolean removeTree(Path group) throws IOException {
        try {
            kernel.removeGroup(group);
            return true;
        } catch (NoSuchFileException e) {
            return true;
        } catch (AccessDeniedException e) {
            throw e;
        } catch (IOException e) {
            try {
                List<Path> children = kernel.children(group);
                return !children.isEmpty() && removeAll(children) && removeTree(group);
            } catch (NoSuchFileException gone) {
                return true;
            }
        }
    }

    private boolean writeIfPresent(Path file, String value) throws IOException {
        if (!kernel.exists(file)) {
            return false;
        }
        try {
            kernel.write(file, value);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }
}
