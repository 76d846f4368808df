package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** What runs of a container that an earlier server left: it can only be ended. The container stays. */
record LeftContainer(Engine engine, Engine.Known left, SandboxRef ref) implements Sandbox {
    @Override
    public SandboxPaths paths() {
        return PrivateRoot.PATHS;
    }

    @Override
    public SharedDirectory share() {
        throw ended();
    }

    @Override
    public boolean hasOwnNetwork() {
        return true;
    }

    @Override
    public SandboxProcess launch(ProcessSpec spec) {
        throw ended();
    }

    @Override
    public Optional<Usage> usage() {
        return Optional.empty();
    }

    private static IsolationException ended() {
        return new IsolationException(new Finding(
                "this sandbox is one that an earlier server left",
                "it can only be closed",
                "Close it, and prepare another."));
    }

    /** A guest begins by ending what was left before it, and this one ends at once. */
    @Override
    public void close() {
        try (Engine.Attached guest =
                engine.run(left.id(), List.of(ContainerPlan.PROGRAMS + "/cloister-guest", "--alone"))) {
            guest.output().read();
        } catch (IOException e) {
            engine.kill(left.id());
        }
    }
}
