package dev.cloister.isolation.local.cgroup;

/** What the kernel can do for a group. */
public enum Controller {
    /** Memory, page cache included, has a limit that ends a process of the group when it is reached; it is measured. */
    MEMORY("memory", "memory", "memory is neither bounded nor measured"),
    /** Processor time has a limit, and throttling is measured. */
    CPU("cpu", "cpu", "processor time is not bounded"),
    /** The number of processes and threads has a limit. */
    PIDS("pids", "pids", "the number of processes is not bounded"),
    /** Sandboxes share a busy disk evenly, where the kernel's scheduler for it does so; there is no limit. */
    IO("blkio", "io", "sandboxes do not share the disk evenly"),
    /** All processes are stopped or ended at once, so that none escapes by forking. */
    FREEZER("freezer", "cgroup.kill", "processes are ended one by one, which a fast fork bomb can draw out");

    private final String version1;
    private final String version2;
    private final String without;

    Controller(String version1, String version2, String without) {
        this.version1 = version1;
        this.version2 = version2;
        this.without = without;
    }

    /** Its name in version 1, where it has a hierarchy. */
    String version1() {
        return version1;
    }

    /** Its name in version 2; that of a file for what is no controller there. */
    String version2() {
        return version2;
    }

    /** What does not hold where it is missing. */
    String without() {
        return without;
    }
}
