package dev.cloister.cli.wiring;

import dev.cloister.core.config.HostDefaults;
import dev.cloister.spi.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

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
        return new HostDefaults(uid() == 0, Path.of(System.getProperty("user.home")));
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
