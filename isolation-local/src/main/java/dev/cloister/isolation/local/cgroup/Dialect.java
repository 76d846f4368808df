package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** How a version of control groups spells limits and figures. What it can do was found out once, by the search. */
sealed interface Dialect permits Version1, Version2 {
    /** The kernel's default period, over which a limit on processor time counts. */
    long PERIOD_MICROS = 100_000;

    /** Values that every kernel reads back as they were written: memory is counted in pages, of at most 64 KiB. */
    SandboxLimits TRIAL = new SandboxLimits(64 << 20, 0.5, 16, 0, 0);

    /** The least that the kernel takes for a quota. */
    long LEAST_QUOTA_MICROS = 1_000;

    /**
     * A value for a control file.
     *
     * @param controller its name in this version
     * @param value also what is read back
     */
    record Setting(String controller, Path file, String value) {}

    Set<Controller> controllers();

    /** This server's parent group in every hierarchy that it uses; one for controllers that share a hierarchy. */
    List<Path> parents();

    /** What to write, in this order, to bound a group. Pure. */
    List<Setting> limits(String name, SandboxLimits limits);

    /** What to write and to read back in a group that is only to show that each controller works. Pure. */
    List<Setting> trial(String name);

    /** The names of the controllers that have this parent. */
    Set<String> controllersOf(Path parent);

    /** The figures of a group. */
    Usage usage(ControlFiles kernel, String name) throws IOException;

    /** How often the kernel killed for want of memory in a group. */
    long oomKills(ControlFiles kernel, String name) throws IOException;

    default List<Path> groups(String name) {
        return parents().stream().map(parent -> parent.resolve(name)).toList();
    }

    static String quotaMicros(double cpus) {
        return Long.toString(Math.max(LEAST_QUOTA_MICROS, Math.round(cpus * PERIOD_MICROS)));
    }

    /** The text of a file; empty if this kernel does not have it. */
    static String readIfPresent(ControlFiles kernel, Path file) throws IOException {
        try {
            return kernel.read(file);
        } catch (NoSuchFileException e) {
            return "";
        }
    }
}
