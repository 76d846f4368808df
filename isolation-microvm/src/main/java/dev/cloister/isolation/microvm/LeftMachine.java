package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.guest.Guest;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.microvm.machine.Machine;
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
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.Optional;

/** What runs in a machine that an earlier server left: it can only be ended. The machine stays. */
record LeftMachine(Machine left, SandboxRef ref) implements Sandbox {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

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

    /** A guest begins by ending what was left before it. */
    @Override
    public void close() {
        try (ByteChannel stream = left.connect(PATIENCE);
                Guest guest = Guest.openMachine(
                        Channels.newInputStream(stream),
                        Channels.newOutputStream(stream),
                        MachineFiles.INNER_LAUNCHER,
                        PATIENCE,
                        () -> {})) {
            guest.machine().anew();
        } catch (IOException e) {
            left.close();
        }
    }
}
