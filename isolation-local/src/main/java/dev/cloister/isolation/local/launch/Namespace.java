package dev.cloister.isolation.local.launch;

import java.util.Locale;

/** What of the kernel a process can have for itself; see namespaces(7). */
public enum Namespace {
    USER,
    MOUNT,
    PID,
    NET,
    IPC,
    UTS,
    CGROUP;

    /** As the launcher is told. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
