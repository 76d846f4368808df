package dev.cloister.cli.wiring;

import com.sun.management.OperatingSystemMXBean;
import dev.cloister.core.config.HostDefaults;
import dev.cloister.core.workspace.MountTable;
import dev.cloister.spi.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What is asked of the machine itself. */
public final class HostFacts {
    private HostFacts() {}

    /** The uid this process runs under. */
    public static long uid() {
        try {
            return ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue();
        } catch (IOException e) {
            throw new UncheckedIOException("/proc is needed and cannot be read", e);
        }
    }

    public static HostDefaults defaults() {
        return new HostDefaults(uid() == 0, Path.of(System.getProperty("user.home")), inMemory(), memorySize());
    }

    /** Where directories in memory are, in the order of how well they are kept from other users. */
    private static Optional<Path> inMemory() {
        Optional<String> own = uid() == 0
                ? Optional.of("/run")
                : Optional.ofNullable(System.getenv("XDG_RUNTIME_DIR")).filter(path -> path.startsWith("/"));
        Stream<Path> candidates =
                Stream.concat(own.stream(), Stream.of("/dev/shm")).map(Path::of);
        List<MountTable.Mount> mounts = mounts();
        return candidates
                .filter(path -> Files.isDirectory(path) && Files.isWritable(path))
                .filter(path -> MountTable.of(path, mounts)
                        .filter(mount ->
                                mount.type().equals("tmpfs") && !mount.options().contains("noexec"))
                        .isPresent())
                .findFirst();
    }

    /** The container's, if its limit is lower than the machine's. */
    private static long memorySize() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    }

    /** How many bytes the machine could give now without swapping; see proc(5). */
    public static long memoryAvailable() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .map(line -> line.replaceAll("[^0-9]", ""))
                    .mapToLong(kibibytes -> Long.parseLong(kibibytes) << 10)
                    .findFirst()
                    .orElse(Long.MAX_VALUE);
        } catch (IOException | UncheckedIOException e) {
            throw new UncheckedIOException("/proc is needed and cannot be read", new IOException(e));
        }
    }

    private static List<MountTable.Mount> mounts() {
        try {
            return MountTable.parse(Files.readString(Path.of("/proc/self/mountinfo")));
        } catch (IOException e) {
            throw new UncheckedIOException("/proc is needed and cannot be read", e);
        }
    }

    public static Host host(long probeUids, Path scratch) {
        return new Host(
                System.getProperty("os.name") + " " + System.getProperty("os.version"),
                System.getProperty("os.arch"),
                uid(),
                probeUids,
                scratch);
    }
}
