package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.guest.GuestProbe;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;

/** A container for each tenant, wherever an engine answers and the image is there. */
public final class ContainerProvider implements IsolationProvider {
    private static final GuestProbe.Words WORDS = new GuestProbe.Words(
            "containers do not confine on this host",
            "Report it with the engine's version; another runtime may do (container.runtime).",
            "not all that containers promise holds with this engine",
            "Another engine or runtime may hold it; see container.engine and container.runtime.");

    @Override
    public IsolationMode mode() {
        return IsolationMode.CONTAINER;
    }

    @Override
    public Availability probe(IsolationConfig config, Host host) {
        ContainerOptions options = ContainerOptions.of(config);
        try {
            requireImage(options);
            return GuestProbe.run(host, WORDS, run -> trial(config, host, run));
        } catch (IsolationException e) {
            return new Availability.Unavailable(e.finding());
        }
    }

    private static void requireImage(ContainerOptions options) {
        try (Engine engine = DockerEngine.at(options.engine())) {
            String description = engine.description();
            if (!engine.hasImage(options.image())) {
                throw new IsolationException(new Finding(
                        "the image of containers is missing",
                        description + " at " + options.engine() + " has no image " + options.image(),
                        "Build it: docker build -t " + options.image()
                                + " deploy/agent-image; or name another by container.image."));
            }
        }
    }

    /** The mode beside one that is in use: in directories of its own, and so with an installation of its own. */
    private static ContainerBackend trial(IsolationConfig config, Host host, Path run) {
        try {
            Path jails = Files.createDirectory(run.resolve("jails"));
            Files.setPosixFilePermissions(jails, PosixFilePermissions.fromString("rwx--x--x"));
            return backend(config.within(run, jails), host);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public ContainerBackend open(IsolationConfig config, Host host) {
        requireImage(ContainerOptions.of(config));
        return backend(config, host);
    }

    private static ContainerBackend backend(IsolationConfig config, Host host) {
        ContainerOptions options = ContainerOptions.of(config);
        Engine engine = DockerEngine.at(options.engine());
        try {
            return new ContainerBackend(engine, options, config, installation(config), host.isRoot());
        } catch (RuntimeException e) {
            engine.close();
            throw e;
        }
    }

    /** Known by where it keeps its things. */
    private static String installation(IsolationConfig config) {
        return UUID.nameUUIDFromBytes(config.jails().toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8))
                .toString()
                .substring(0, 13);
    }
}
