package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.List;
import java.util.Set;

/**
 * This host for trying modes on it: a temporary directory as a server's workspaces would be, and none of a server's state.
 * Closing it removes the directory with all in it; who opened modes on it closes those first. Not thread-safe.
 */
public final class TrialHost implements AutoCloseable {
    private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private final CloisterConfig config;
    private final TemporaryDirectory directory;
    private final Host host;

    private TrialHost(CloisterConfig config, TemporaryDirectory directory) {
        this.config = config;
        this.directory = directory;
        this.host = HostFacts.host(
                UidRanges.draw(new SecureRandom(), List.of()).probe(),
                places("workspaces").scratch());
    }

    /** @param purpose a word for the directory's name */
    public static TrialHost make(CloisterConfig config, String purpose) {
        return new TrialHost(config, TemporaryDirectory.make(purpose));
    }

    public Host host() {
        return host;
    }

    /** All modes of this build, weakest first. */
    public List<IsolationProvider> providers() {
        return IsolationChoice.strongestFirst().reversed();
    }

    /** What a server promises in a mode that was found like this. */
    public static Set<Guarantee> promises(Availability availability) {
        return IsolationChoice.holds(availability);
    }

    /** What a mode needs to know. Modes that are open at the same time are given different names. */
    public IsolationConfig isolation(String name) {
        return places(name).isolation(config);
    }

    /**
     * Makes the directories of a throw-away tenant beside those of a mode.
     *
     * @param number from 0, a thousand at the most: as root each has a uid of its own
     */
    public SandboxSpec tenant(IsolationConfig isolation, int number) throws IOException {
        long uid = host.isRoot() ? host.probeUids() + number : host.serverUid();
        Path tree = isolation.jails().resolveSibling("tenant-" + number);
        SandboxSpec spec =
                new SandboxSpec("be" + number, uid, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"));
        for (Path each : List.of(tree, spec.work(), spec.home(), spec.tmp())) {
            Files.createDirectory(each, OWNER_ONLY);
            if (host.isRoot()) {
                Files.setAttribute(each, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(each, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
            }
        }
        return spec;
    }

    /** Makes a directory that nobody but the server's user may enter. */
    public Path closed(String name) throws IOException {
        return Files.createDirectory(directory.path().resolve(name), OWNER_ONLY);
    }

    private RunDirectory places(String name) {
        Path workspaces = directory.path().resolve(name);
        return RunDirectory.prepare(workspaces, workspaces.resolve("run"), HostFacts.uid());
    }

    @Override
    public void close() {
        directory.close();
    }
}
