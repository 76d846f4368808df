package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.Finding;
import java.util.List;

/** What looking for usable control groups came to. */
public sealed interface CgroupSearch {
    /**
     * Groups can be made, joined, bounded as far as {@link Cgroups#controllers()} says, and removed.
     *
     * @param cgroups the caller's to close
     * @param missing one finding for each controller that cannot be used; empty when all can
     */
    record Found(Cgroups cgroups, List<Finding> missing) implements CgroupSearch {
        public Found {
            missing = List.copyOf(missing);
        }
    }

    /** There is nothing to use; nothing was left behind. */
    record Missing(Finding why) implements CgroupSearch {}
}
