package dev.cloister.isolation.local.guest;

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
import java.util.Optional;

/**
 * What runs of a container or a machine that an earlier server left: it can only be ended. That itself stays.
 *
 * @param end ends it, and returns when nothing of it is left
 */
public record LeftGuest(SandboxRef ref, Runnable end) implements Sandbox {
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

    @Override
    public void close() {
        end.run();
    }
}
