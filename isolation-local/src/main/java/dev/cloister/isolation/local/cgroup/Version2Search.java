package dev.cloister.isolation.local.cgroup;

import dev.cloister.isolation.local.cgroup.Hierarchies.Hierarchy;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has controllers handed down to a parent, and tries them. Source: cgroup-v2, sections 2-4 and 2-5. */
record Version2Search(Kernel kernel, Reaper reaper, Findings findings, Search search, Hierarchy unified) {
    /** Where the server itself sits, beside its parent; {@code DelegateSubgroup=} of systemd can put it there at once. */
    static final String SERVER_LEAF = "cloister-server";

    private static final Set<Controller> HANDED_DOWN =
            EnumSet.of(Controller.MEMORY, Controller.CPU, Controller.PIDS, Controller.IO);

    private static final Logger LOG = LoggerFactory.getLogger(Version2Search.class);

    CgroupSearch run() {
        Path base = search.base(unified, delegated());
        Path parent = search.parent(base);
        if (unified.own().startsWith(parent)) {
            return new CgroupSearch.Missing(Findings.insideItself(parent));
        }
        try {
            reaper.remove(search.leftovers(List.of(parent)));
            kernel.makeGroup(parent);
            Map<Controller, String> refused = new EnumMap<>(Controller.class);
            Set<Controller> usable = handDown(base, parent, refused);
            if (kernel.exists(parent.resolve("cgroup.kill")) || kernel.exists(parent.resolve("cgroup.freeze"))) {
                usable.add(Controller.FREEZER);
            } else {
                refused.put(Controller.FREEZER, "this kernel has neither cgroup.kill nor cgroup.freeze");
            }
            Version2 dialect = dialect(parent, usable);
            Map<String, String> failures = new Trial(kernel, reaper).failures(dialect);
            for (Controller controller : EnumSet.copyOf(usable)) {
                String failure = failures.get(controller.version2());
                if (failure != null) {
                    usable.remove(controller);
                    refused.put(controller, failure);
                }
            }
            if (usable.isEmpty()) {
                return undone(
                        parent,
                        findings.nothingInVersion2(unified, base, String.join("; ", Set.copyOf(refused.values()))));
            }
            LOG.info("control groups of version 2 below {}", parent);
            return new CgroupSearch.Found(
                    new ServerCgroups(kernel, reaper, dialect(parent, usable)), missing(base, refused));
        } catch (IsolationException e) {
            return undone(parent, e.finding());
        } catch (IOException e) {
            return undone(parent, findings.nothingInVersion2(unified, base, e.toString()));
        }
    }

    /** The group that was given to the server: its own, or that above the leaf in which it sits. */
    private Path delegated() {
        Path above = unified.own().getParent();
        return unified.own().endsWith(SERVER_LEAF) && !unified.own().equals(unified.mount()) && above != null
                ? above
                : unified.own();
    }

    private Version2 dialect(Path parent, Set<Controller> usable) {
        return new Version2(parent, usable, kernel.exists(parent.resolve("memory.swap.max")));
    }

    /** From the base to the parent, and from the parent to the groups below it. */
    private Set<Controller> handDown(Path base, Path parent, Map<Controller, String> refused) throws IOException {
        Set<String> available = Text.words(kernel.read(base.resolve("cgroup.controllers")));
        Set<String> enabled = Text.words(kernel.read(base.resolve("cgroup.subtree_control")));
        Set<Controller> usable = EnumSet.noneOf(Controller.class);
        boolean moved = base.equals(unified.own()) && makeRoom(base, available, enabled);
        for (Controller controller : HANDED_DOWN) {
            String name = controller.version2();
            if (!available.contains(name)) {
                refused.put(controller, base.resolve("cgroup.controllers") + " does not list it");
                continue;
            }
            try {
                if (!enabled.contains(name)) {
                    kernel.write(base.resolve("cgroup.subtree_control"), "+" + name);
                }
                kernel.write(parent.resolve("cgroup.subtree_control"), "+" + name);
                usable.add(controller);
            } catch (IOException e) {
                refused.put(controller, e + ", with " + members(base) + " processes in " + base);
            }
        }
        if (moved && usable.isEmpty()) {
            moveBack(base);
        }
        return usable;
    }

    /** Moves the server out of the base if its being there is what stands in the way. Whether it did. */
    private boolean makeRoom(Path base, Set<String> available, Set<String> enabled) throws IOException {
        for (Controller controller : HANDED_DOWN) {
            String name = controller.version2();
            if (available.contains(name) && !enabled.contains(name)) {
                try {
                    kernel.write(base.resolve("cgroup.subtree_control"), "+" + name);
                    return false;
                } catch (AccessDeniedException e) {
                    return false;
                } catch (IOException e) {
                    // Busy: the group has processes. Only the topmost of the machine may have both.
                    moveTo(base.resolve(SERVER_LEAF));
                    return true;
                }
            }
        }
        return false;
    }

    private void moveTo(Path leaf) throws IOException {
        try {
            kernel.makeGroup(leaf);
        } catch (FileAlreadyExistsException e) {
            LOG.debug("an earlier server sat in {}", leaf);
        }
        // 0 is whoever writes, whatever its number in this pid namespace.
        kernel.write(leaf.resolve("cgroup.procs"), "0");
        LOG.info("the server moved itself to {} so that its group can hand controllers down", leaf);
    }

    private void moveBack(Path base) {
        try {
            kernel.write(base.resolve("cgroup.procs"), "0");
            kernel.removeGroup(base.resolve(SERVER_LEAF));
        } catch (IOException e) {
            LOG.info("the server stays in {}: {}", base.resolve(SERVER_LEAF), e.toString());
        }
    }

    private String members(Path group) {
        try {
            return Integer.toString(
                    Text.pids(kernel.read(group.resolve("cgroup.procs"))).size());
        } catch (IOException e) {
            return "an unknown number of";
        }
    }

    private CgroupSearch undone(Path parent, Finding why) {
        try {
            reaper.remove(search.leftovers(List.of(parent)));
        } catch (IsolationException e) {
            LOG.warn("a control group was left: {}", e.getMessage());
        }
        return new CgroupSearch.Missing(why);
    }

    private List<Finding> missing(Path base, Map<Controller, String> refused) {
        List<Finding> missing = new ArrayList<>();
        refused.forEach((controller, why) -> missing.add(findings.missingInVersion2(controller, unified, base, why)));
        return missing;
    }
}
