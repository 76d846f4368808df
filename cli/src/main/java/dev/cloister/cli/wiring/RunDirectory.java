package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.IsolationConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The server's own places beside the tenants' trees.
 *
 * @param runRoot where launches have their sockets and files; every tenant can walk through, none can list or write
 * @param scratch where probes work; the same
 * @param jails file systems that sandboxes share, kept between starts; the same
 */
record RunDirectory(Path runRoot, Path scratch, Path jails) implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(RunDirectory.class);

    static RunDirectory prepare(Path workspaces, Path runRoot, long serverUid) {
        try {
            Path parent = workspaces.toAbsolutePath().normalize();
            String mode = serverUid == 0 ? "rwx--x--x" : "rwx------";
            Files.createDirectories(parent.getParent());
            own(parent, mode, serverUid);
            Path run = runRoot.toAbsolutePath().normalize();
            Files.createDirectories(run.getParent());
            own(run, mode, serverUid);
            WorkspaceRoot.requireSafeWayTo(run, serverUid);
            return new RunDirectory(
                    run,
                    own(parent.resolve("scratch"), mode, serverUid),
                    own(parent.resolve("jails"), mode, serverUid));
        } catch (IOException e) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the directories " + workspaces + " and " + runRoot + " cannot be used: " + e,
                    e);
        }
    }

    /** Removes the run root, unless something is left in it: memory is not kept for a server that does not run. */
    @Override
    public void close() {
        try {
            Files.deleteIfExists(runRoot);
        } catch (IOException e) {
            log.warn("{} was not removed: {}", runRoot, e.toString());
        }
    }

    /** What the modes need to know of these places and of the configuration. */
    IsolationConfig isolation(CloisterConfig config) {
        return new IsolationConfig(
                runRoot,
                Stream.concat(config.agent().executable().stream(), config.isolation().programs().stream())
                        .toList(),
                config.isolation().limits(),
                config.isolation().cgroupParent(),
                jails,
                options(config));
    }

    private static Map<String, String> options(CloisterConfig config) {
        Map<String, String> options = new HashMap<>();
        CloisterConfig.Container container = config.isolation().container();
        options.put("container.engine", "unix://" + container.engine());
        options.put("container.image", container.image());
        container.runtime().ifPresent(runtime -> options.put("container.runtime", runtime));
        options.put(
                "container.idle-timeout", Long.toString(container.idleTimeout().toMillis()));
        CloisterConfig.MicroVm microVm = config.isolation().microVm();
        options.put("microvm.images", microVm.images().toString());
        options.put("microvm.hypervisor", id(microVm.hypervisor()));
        options.put("microvm.accelerator", id(microVm.accelerator()));
        options.put("microvm.disk", Long.toString(config.paths().quota().orElse(microVm.disk())));
        options.put("microvm.boot-timeout", Long.toString(microVm.bootTimeout().toMillis()));
        options.put("microvm.idle-timeout", Long.toString(microVm.idleTimeout().toMillis()));
        return options;
    }

    private static String id(Enum<?> choice) {
        return choice.name().toLowerCase(Locale.ROOT);
    }

    private static Path own(Path directory, String mode, long serverUid) throws IOException {
        if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(directory);
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString(mode));
        }
        long owner = ((Number) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS)).longValue();
        String found =
                PosixFilePermissions.toString(Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS));
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS) || owner != serverUid || !found.equals(mode)) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    directory + " must be a directory of uid " + serverUid + " with " + mode + ", and is of uid "
                            + owner + " with " + found + "; mend or remove it");
        }
        return directory;
    }
}
