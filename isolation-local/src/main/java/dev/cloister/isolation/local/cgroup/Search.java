package dev.cloister.isolation.local.cgroup;

import dev.cloister.isolation.local.cgroup.Hierarchies.Hierarchy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Finds out which version there is and has it tried. */
record Search(Kernel kernel, Patience patience, Optional<Path> configuredParent, String instance, Path procSelf) {
    Search {
        // The leaf of version 2 has the name that a parent of this instance would have.
        if (!ServerCgroups.isName(instance) || Version2Search.SERVER_LEAF.equals("cloister-" + instance)) {
            throw new IllegalArgumentException("not a name for an instance");
        }
    }

    CgroupSearch run() {
        Hierarchies hierarchies;
        try {
            hierarchies = Hierarchies.of(
                    kernel.read(procSelf.resolve("mountinfo")),
                    kernel.read(procSelf.resolve("cgroup")),
                    kernel::exists);
        } catch (IOException e) {
            return new CgroupSearch.Missing(Findings.unreadable(e));
        }
        Findings findings = new Findings(configuredParent, uid());
        Reaper reaper = new Reaper(kernel, patience);
        return switch (hierarchies) {
            case Hierarchies.Version1 version1 -> new Version1Search(kernel, reaper, findings, this, version1).run();
            case Hierarchies.Version2 version2 ->
                new Version2Search(kernel, reaper, findings, this, version2.unified()).run();
            case Hierarchies.None() -> new CgroupSearch.Missing(Findings.notMounted());
        };
    }

    /** Below which group the parent is to be. */
    Path base(Hierarchy hierarchy, Path delegated) {
        return configuredParent.map(hierarchy::named).orElse(delegated);
    }

    Path parent(Path base) {
        return base.resolve("cloister-" + instance);
    }

    /** Those of an earlier server. */
    List<Path> leftovers(List<Path> parents) {
        return parents.stream().filter(kernel::exists).toList();
    }

    private String uid() {
        try {
            return Text.uid(kernel.read(procSelf.resolve("status"))).orElse("cloister");
        } catch (IOException e) {
            return "cloister";
        }
    }
}
