package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A control group that is not this server's: another program, such as a container engine, or another kernel has it. Thread-safe. */
public final class ForeignCgroup {
    private final ControlFiles kernel;
    private final Dialect dialect;
    private final String name;

    private ForeignCgroup(ControlFiles kernel, Dialect dialect, String name) {
        this.kernel = kernel;
        this.dialect = dialect;
        this.name = name;
    }

    /** The group of a process that runs on this machine; empty if it is in none of its own, or cannot be looked at. */
    public static Optional<ForeignCgroup> of(long pid) {
        Kernel kernel = new LinuxKernel();
        try {
            String mounts = kernel.read(Path.of("/proc/self/mountinfo"));
            String membership = kernel.read(Path.of("/proc", Long.toString(pid), "cgroup"));
            return switch (Hierarchies.of(mounts, membership, Files::isDirectory)) {
                case Hierarchies.Version1(Map<String, Hierarchies.Hierarchy> all) -> version1(kernel, all);
                case Hierarchies.Version2(Hierarchies.Hierarchy unified) -> version2(kernel, unified.own());
                case Hierarchies.None() -> Optional.empty();
            };
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** One of version 2 below the root of a virtual machine's, where all controllers are. */
    public static ForeignCgroup inMachine(ControlFiles files, Path group) {
        return version2(files, group).orElseThrow(() -> new IllegalArgumentException(group + " is a root"));
    }

    private static Optional<ForeignCgroup> version1(ControlFiles kernel, Map<String, Hierarchies.Hierarchy> all) {
        Map<String, Path> parents = new HashMap<>();
        Hierarchies.@Nullable Hierarchy memory = all.get("memory");
        @Nullable Path name = memory == null ? null : memory.own().getFileName();
        if (name == null) {
            return Optional.empty();
        }
        // An engine gives its groups one name in every hierarchy.
        all.forEach((controller, hierarchy) -> {
            @Nullable Path parent = hierarchy.own().getParent();
            if (parent != null && name.equals(hierarchy.own().getFileName())) {
                parents.put(controller, parent);
            }
        });
        return Optional.of(new ForeignCgroup(kernel, new Version1(parents, false), name.toString()));
    }

    private static Optional<ForeignCgroup> version2(ControlFiles kernel, Path own) {
        @Nullable Path parent = own.getParent();
        @Nullable Path name = own.getFileName();
        return parent == null || name == null
                ? Optional.empty()
                : Optional.of(new ForeignCgroup(
                        kernel, new Version2(parent, EnumSet.allOf(Controller.class), false), name.toString()));
    }

    /** Gives it these bounds, for who has it may. */
    public void bound(SandboxLimits limits) throws IOException {
        for (Dialect.Setting setting : dialect.limits(name, limits)) {
            kernel.write(setting.file(), setting.value());
        }
    }

    /** Whether memory, processor time and the number of processes have these bounds in it, as the kernel reads them back. */
    public boolean bounds(SandboxLimits limits) {
        List<Dialect.Setting> wanted = dialect.limits(name, limits);
        Set<String> controllers =
                wanted.stream().map(Dialect.Setting::controller).collect(Collectors.toSet());
        try {
            for (Dialect.Setting setting : wanted) {
                if (!kernel.read(setting.file()).strip().equals(setting.value())) {
                    return false;
                }
            }
            return controllers.containsAll(Set.of("memory", "cpu", "pids"));
        } catch (IOException e) {
            return false;
        }
    }

    /** What its processes used, those that ended included; zero for what the host does not measure. */
    public Usage usage() {
        try {
            return dialect.usage(kernel, name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How many of its processes were killed for want of memory. */
    public long oomKills() {
        try {
            return dialect.oomKills(kernel, name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
