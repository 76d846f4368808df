package dev.cloister.isolation.local.sandbox;

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
import java.util.Set;

/** What a dead server left of a sandbox: processes that can only be ended, for nobody holds their pipes. */
record AbandonedSandbox(UidSweep sweep, SandboxRef ref) implements Sandbox {
    @Override
    public SandboxPaths paths() {
        throw over();
    }

    @Override
    public SharedDirectory share() {
        throw over();
    }

    @Override
    public boolean hasOwnNetwork() {
        return false;
    }

    @Override
    public SandboxProcess launch(ProcessSpec spec) {
        throw over();
    }

    @Override
    public Optional<Usage> usage() {
        return Optional.empty();
    }

    private IsolationException over() {
        return new IsolationException(new Finding(
                "the sandbox " + ref.name() + " was left by an earlier server",
                "only its processes remain",
                "Close it and prepare a new one."));
    }

    @Override
    public void close() {
        sweep.sweep(ref.uid(), Set.of());
    }
}
