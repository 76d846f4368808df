package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.isolation.microvm.machine.MachinePlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The command line of a machine's process. Pure.
 *
 * @see <a href="https://github.com/firecracker-microvm/firecracker/blob/v1.16.1/docs/jailer.md">The jailer</a>
 */
final class Commands {
    static final Path GROUPS = Path.of("/sys/fs/cgroup");

    /** What Firecracker itself needs beside the guest's memory. */
    private static final long OWN_MEMORY = 64 << 20;

    /** Threads beside those of the processors. */
    private static final int OWN_THREADS = 16;

    private static final int PERIOD_MICROS = 100_000;

    private Commands() {}

    /** Started in {@link Place#root} where there is no jail. In a session of its own, so that no terminal's signals reach it. */
    static List<String> of(Installation installation, Place place, MachinePlan plan) {
        List<String> argv = new ArrayList<>(List.of("setsid"));
        installation
                .jail()
                .ifPresentOrElse(
                        jail -> argv.addAll(jailed(installation.executable(), jail, place, plan)),
                        () -> argv.addAll(List.of(
                                installation.executable().toString(), "--id", place.id(), "--api-sock", Place.API)));
        return List.copyOf(argv);
    }

    private static List<String> jailed(Path executable, Installation.Jail jail, Place place, MachinePlan plan) {
        String uid = Long.toString(plan.uid().orElseThrow());
        List<String> argv = new ArrayList<>();
        // The jailer can only join a network namespace that is there already.
        argv.addAll(List.of("unshare", "--net", "--", jail.jailer().toString()));
        argv.addAll(List.of("--id", place.id(), "--exec-file", executable.toString()));
        argv.addAll(List.of("--uid", uid, "--gid", uid));
        argv.addAll(List.of("--chroot-base-dir", jail.base().toString(), "--new-pid-ns"));
        jail.groups().ifPresent(groups -> {
            argv.addAll(List.of("--cgroup-version", Integer.toString(groups.version())));
            argv.addAll(List.of("--parent-cgroup", groups.parent()));
            bounds(groups, plan).forEach(bound -> argv.addAll(List.of("--cgroup", bound)));
        });
        argv.addAll(List.of("--", "--api-sock", Place.API));
        return argv;
    }

    private static List<String> bounds(Installation.Groups groups, MachinePlan plan) {
        long memory = plan.memory() + OWN_MEMORY;
        int threads = plan.cpus() + OWN_THREADS;
        long quota = (long) plan.cpus() * PERIOD_MICROS;
        return groups.version() == 2
                ? List.of("memory.max=" + memory, "cpu.max=" + quota + " " + PERIOD_MICROS, "pids.max=" + threads)
                : List.of(
                        "memory.limit_in_bytes=" + memory,
                        "cpu.cfs_period_us=" + PERIOD_MICROS,
                        "cpu.cfs_quota_us=" + quota,
                        "pids.max=" + threads);
    }

    /** The directories of the control groups that the jailer makes for a machine and leaves behind. */
    static List<Path> groups(Installation installation, Place place, Path root) {
        return installation.jail().flatMap(Installation.Jail::groups).stream()
                .flatMap(groups -> hierarchies(groups, root)
                        .map(hierarchy -> hierarchy.resolve(groups.parent()).resolve(place.id())))
                .toList();
    }

    private static Stream<Path> hierarchies(Installation.Groups groups, Path root) {
        return groups.version() == 2
                ? Stream.of(root)
                : Stream.of("memory", "cpu", "pids").map(root::resolve);
    }
}
