package dev.cloister.isolation.tck;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What an attack needs of the kernel, and what a host that is itself a sandbox may refuse to everybody. There the attack has no
 * control: it would prove nothing, however good it is. {@code needs.py} tries each by the bare call.
 */
public enum Need {
    TRACE("attaching to a process", "trace-attach", "trace-seize", "compiled-trace"),
    PROCESS_MEMORY("reading a process's memory", "memory-read", "compiled-memory"),
    MEMORY_FILE("/proc/PID/mem", "proc-memory"),
    PROCESS_LINKS(
            "/proc/PID/root and cwd",
            "proc-root",
            "proc-cwd",
            "proc-root-write",
            "link-init-root",
            "server-file-proc",
            "broker-of-another-by-process"),
    PROCESS_DESCRIPTOR("descriptors of processes", "signal-descriptor"),
    DESCRIPTOR_COPY("copying another process's descriptor", "process-descriptor"),
    COMPARE("comparing processes", "process-compare"),
    HANDLE_NAME("file handles", "kernel-handle"),
    HANDLE_OPEN("opening by file handle", "link-handle", "compiled-handle"),
    KEYS("the kernel's keys", "ipc-keyring", "kernel-keyring"),
    FAST_OPEN("TCP fast open", "network-fast-open"),
    MULTIPATH("multipath TCP", "network-multipath"),
    RAW_SOCKET("raw sockets", "network-raw", "compiled-raw-socket"),
    PACKET_SOCKET("packet sockets", "network-packet"),
    VSOCK("vsock", "network-vsock"),
    MOUNT("mounting", "privilege-mount"),
    BIND("bind mounts", "privilege-bind"),
    REMOUNT("changing mounts", "privilege-remount"),
    USER_NAMESPACE("user namespaces", "privilege-user-namespace", "privilege-user-namespace-clone"),
    MOUNT_NAMESPACE("mount namespaces", "privilege-mount-namespace"),
    SET_NAMESPACE("joining namespaces", "privilege-setns"),
    ROOT(
            "root, of whatever namespace",
            "privilege-setuid",
            "privilege-chroot",
            "privilege-capabilities",
            "privilege-setuid-file"),
    NEW_PRIVILEGES("gaining privileges by a program", "privilege-new-privileges"),
    DISK("disks", "privilege-disk"),
    KERNEL_LOG("the kernel's log", "privilege-kernel-log"),
    KERNEL_SETTINGS("the kernel's settings", "privilege-core-pattern", "privilege-drop-caches"),
    CGROUP("making control groups", "privilege-cgroup"),
    RELEASE_AGENT("control groups' files", "privilege-release-agent"),
    IO_URING("io_uring", "kernel-io-uring"),
    USERFAULTFD("userfaultfd", "kernel-userfaultfd"),
    BPF("bpf", "kernel-bpf"),
    PERF("perf events", "kernel-perf"),
    CLOCK("clock_adjtime", "kernel-clock"),
    SWAP("swap", "kernel-swap"),
    OPEN_TREE("open_tree", "kernel-open-tree"),
    NEW_FILE_SYSTEM("fsopen", "kernel-filesystem"),
    WATCH_ALL("fanotify", "kernel-watch-all");

    private static final String END = "DONE";

    private final String title;
    private final Set<String> attacks;

    Need(String title, String... attacks) {
        this.title = title;
        this.attacks = Set.of(attacks);
    }

    /** For people. */
    public String title() {
        return title;
    }

    /** The names of those that need it. */
    public Set<String> attacks() {
        return attacks;
    }

    public static Optional<Need> of(Attack attack) {
        return Stream.of(values())
                // What code needs, the agent needs to do the same.
                .filter(need -> need.attacks.contains(attack.id().replaceFirst("^agent-", "")))
                .findFirst();
    }

    /**
     * What this host refuses.
     *
     * @param plain tenants without a wall; what one of them may do is not refused
     * @throws IOException if it could not be tried
     */
    public static Set<Need> refusedTo(List<? extends Tenant> plain) throws IOException, InterruptedException {
        Set<Need> refused = EnumSet.allOf(Need.class);
        boolean tried = false;
        for (Tenant tenant : plain) {
            String said = said(tenant);
            if (!said.endsWith(END + "\n")) {
                // A tenant that needs a user namespace to run in does not even start where there are none.
                continue;
            }
            tried = true;
            refused.retainAll(said.lines()
                    .filter(line -> !line.equals(END))
                    .map(Need::valueOf)
                    .collect(Collectors.toSet()));
        }
        if (!tried) {
            throw new IOException("what this host allows could not be tried: the attacks need python3");
        }
        return refused;
    }

    private static String said(Tenant tenant) throws IOException, InterruptedException {
        Process other = new ProcessBuilder("sleep", "60").start();
        try {
            return tenant.run(
                    List.of("python3", "-c", Texts.of("needs.py")), Map.of("OTHER", Long.toString(other.pid())));
        } finally {
            other.destroyForcibly();
        }
    }
}
