package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * This host for trying modes on it: a temporary directory as a server's workspaces would be, and none of a server's state.
 * Closing it removes the directory with all in it; who opened modes on it closes those first. Not thread-safe.
 */
public final class TrialHost implements AutoCloseable {
    private final CloisterConfig config;
    private final Path directory;
    private final Host host;

    private TrialHost(CloisterConfig config, Path directory) throws IOException {
        this.config = config;
        this.directory = directory;
        // As a server's workspaces: every tenant's uid can walk through.
        Files.setPosixFilePermissions(
                directory, PosixFilePermissions.fromString(HostFacts.uid() == 0 ? "rwx--x--x" : "rwx------"));
        this.host = HostFacts.host(
                UidRanges.draw(new SecureRandom(), List.of()).probe(),
                places("workspaces").scratch());
    }

    /** @param purpose a word for the directory's name */
    public static TrialHost make(CloisterConfig config, String purpose) {
        try {
            return new TrialHost(config, Files.createTempDirectory("cloister-" + purpose + "-"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Host host() {
        return host;
    }

    /** All modes of this build, weakest first. */
    public List<IsolationProvider> providers() {
        return IsolationChoice.strongestFirst().reversed();
    }

    /** What a mode needs to know. Modes that are open at the same time are given different names. */
    public IsolationConfig isolation(String name) {
        return places(name).isolation(config);
    }

    private RunDirectory places(String name) {
        return RunDirectory.prepare(directory.resolve(name), HostFacts.uid());
    }

    @Override
    public void close() {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
