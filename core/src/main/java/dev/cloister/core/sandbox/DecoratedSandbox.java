package dev.cloister.core.sandbox;

import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.nio.channels.SocketChannel;
import java.util.Optional;

/** A sandbox that launches a little differently than the one in it, to which it leaves all else. */
abstract class DecoratedSandbox implements Sandbox {
    private final Sandbox sandbox;

    DecoratedSandbox(Sandbox sandbox) {
        this.sandbox = sandbox;
    }

    /** What is launched in the place of a spec. */
    abstract ProcessSpec changed(ProcessSpec spec);

    @Override
    public final SandboxProcess launch(ProcessSpec spec) {
        return sandbox.launch(changed(spec));
    }

    @Override
    public SandboxRef ref() {
        return sandbox.ref();
    }

    @Override
    public SandboxPaths paths() {
        return sandbox.paths();
    }

    @Override
    public SharedDirectory share() {
        return sandbox.share();
    }

    @Override
    public int slowness() {
        return sandbox.slowness();
    }

    @Override
    public void settle() {
        sandbox.settle();
    }

    @Override
    public boolean hasOwnNetwork() {
        return sandbox.hasOwnNetwork();
    }

    @Override
    public Optional<SocketChannel> connect(int port) {
        return sandbox.connect(port);
    }

    @Override
    public Optional<Usage> usage() {
        return sandbox.usage();
    }

    @Override
    public void close() {
        sandbox.close();
    }
}
