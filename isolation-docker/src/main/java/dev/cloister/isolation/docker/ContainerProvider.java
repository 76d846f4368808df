package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.mode.PromisesOfAll;
import dev.cloister.isolation.local.probe.ModeProbe;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
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
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/** A container for each tenant, wherever an engine answers and the image is there. */
public final class ContainerProvider implements IsolationProvider {
    private static final Set<Guarantee> PROMISES = PromisesOfAll.without();

    /** Without these a container is none. */
    private static final Set<Guarantee> ESSENTIALS =
            EnumSet.of(Guarantee.FILES_OF_OTHERS_UNREADABLE, Guarantee.PROCESSES_END_WITH_TURN);

    @Override
    public IsolationMode mode() {
        return IsolationMode.CONTAINER;
    }

    @Override
    public Availability probe(IsolationConfig config, Host host) {
        ContainerOptions options = ContainerOptions.of(config);
        try {
            requireImage(options);
            AtomicBoolean bounded = new AtomicBoolean(true);
            Set<Guarantee> held = ModeProbe.run(host, run -> new TrialBackend(trial(config, host, run), bounded));
            if (bounded.get()) {
                held.add(Guarantee.RESOURCES_BOUNDED);
            }
            return judged(held);
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

    private static Availability judged(Set<Guarantee> held) {
        if (!held.containsAll(ESSENTIALS)) {
            return new Availability.Unavailable(new Finding(
                    "containers do not confine on this host",
                    "the probe saw only " + held,
                    "Report it with the engine's version; another runtime may do (container.runtime)."));
        }
        Set<Guarantee> missing = EnumSet.copyOf(PROMISES);
        missing.removeAll(held);
        held.retainAll(PROMISES);
        List<Finding> findings = new ArrayList<>();
        if (!missing.isEmpty()) {
            findings.add(new Finding(
                    "not all that containers promise holds with this engine",
                    "the probe broke " + missing,
                    "Another engine or runtime may hold it; see container.engine and container.runtime."));
        }
        return findings.isEmpty() ? new Availability.Available(held) : new Availability.Degraded(held, findings);
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
