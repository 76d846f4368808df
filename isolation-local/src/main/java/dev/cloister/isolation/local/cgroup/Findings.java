package dev.cloister.isolation.local.cgroup;

import dev.cloister.isolation.local.cgroup.Hierarchies.Hierarchy;
import dev.cloister.spi.Finding;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;

/** What to tell an operator. Pure. */
record Findings(Optional<Path> configuredParent, String uid) {
    private static final String NOTHING = "sandboxes cannot be bounded by control groups";

    private static final String SYSTEMD =
            "As a systemd service: set Delegate=yes and DelegateSubgroup=" + Version2Search.SERVER_LEAF
                    + " (or, before systemd 254, Delegate=yes alone) in the unit's [Service], then run systemctl daemon-reload and"
                    + " restart the service.";

    private static final String CONTAINER =
            "In a container: run it with --cgroupns=private and a writable /sys/fs/cgroup: containerd has cgroup_writable = true;"
                    + " with Docker, --privileged, or CAP_SYS_ADMIN and \"mount -o remount,rw /sys/fs/cgroup\" in its entry point.";

    static Finding unreadable(Exception cause) {
        return new Finding(NOTHING, cause.toString(), "Mount /proc where the server runs.");
    }

    static Finding notMounted() {
        return new Finding(
                NOTHING,
                "no cgroup file system is mounted",
                "On a host: mount -t cgroup2 cgroup2 /sys/fs/cgroup. " + CONTAINER);
    }

    static Finding insideItself(Path parent) {
        return new Finding(
                NOTHING,
                "the server runs inside " + parent + ", which it would have to remove",
                "Start it from outside of that group, or with another data directory.");
    }

    Finding nothingInVersion1(Hierarchies.Version1 version1, String why) {
        String commands = version1.hierarchies().values().stream()
                .distinct()
                .sorted((one, other) -> one.mount().compareTo(other.mount()))
                .map(this::delegation)
                .collect(Collectors.joining(" && "));
        boolean readOnly = version1.hierarchies().values().stream().anyMatch(Hierarchy::readOnly);
        return new Finding(NOTHING, why, readOnly ? CONTAINER : asRoot(commands));
    }

    Finding missingInVersion1(String controller, String without, Optional<Hierarchy> hierarchy, String why) {
        String remedy = hierarchy
                .map(found -> found.readOnly() ? CONTAINER : asRoot(delegation(found)))
                .orElseGet(() ->
                        "As root: mkdir -p /sys/fs/cgroup/%1$s && mount -t cgroup -o %1$s cgroup /sys/fs/cgroup/%1$s"
                                .formatted(controller));
        return new Finding("the controller " + controller + " cannot be used: " + without, why, remedy);
    }

    private String delegation(Hierarchy hierarchy) {
        Path parent = hierarchy.named(suggestedParent());
        return "mkdir -p %1$s && chown %2$s %1$s".formatted(parent, uid);
    }

    private Path suggestedParent() {
        return configuredParent.orElse(Path.of("/cloister"));
    }

    private String asRoot(String commands) {
        return "As root: " + commands
                + (configuredParent.isPresent() ? "" : ". Then set isolation.cgroup-parent: " + suggestedParent());
    }

    Finding nothingInVersion2(Hierarchy unified, Path base, String why) {
        return new Finding(NOTHING, why, unified.readOnly() ? CONTAINER : delegation2(base));
    }

    Finding missingInVersion2(Controller controller, Hierarchy unified, Path base, String why) {
        Path above = base.equals(unified.mount()) || base.getParent() == null ? base : base.getParent();
        String remedy = switch (controller) {
            case FREEZER -> "Run a kernel from 5.14 on.";
            case MEMORY, CPU, PIDS, IO ->
                unified.readOnly()
                        ? CONTAINER
                        : SYSTEMD + " Otherwise, as root: echo +" + controller.version2() + " > "
                                + above.resolve("cgroup.subtree_control");
        };
        return new Finding(
                "the controller " + controller.version2() + " cannot be used: " + controller.without(), why, remedy);
    }

    /** The three files that the kernel's documentation says to hand over, beside the directory. */
    private String delegation2(Path base) {
        if (configuredParent.isPresent()) {
            return "As root: mkdir -p %1$s && chown %2$s %1$s %1$s/cgroup.procs %1$s/cgroup.subtree_control %1$s/cgroup.threads"
                            .formatted(base, uid)
                    + ", and start the server in a group below it. "
                    + CONTAINER;
        }
        return SYSTEMD + " " + CONTAINER;
    }
}
