package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.sandbox.MortalServer;
import dev.cloister.isolation.local.sandbox.Opaque;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A backend that is only tried, and looked at meanwhile.
 *
 * @param bounded false from the first machine that is not bounded as was asked
 */
record TrialBackend(MicroVmBackend backend, AtomicBoolean bounded) implements IsolationBackend, MortalServer, Opaque {
    @Override
    public boolean keepsFiles() {
        return backend.keepsFiles();
    }

    @Override
    public Sandbox prepare(SandboxSpec spec) {
        Sandbox sandbox = backend.prepare(spec);
        bounded.compareAndSet(true, backend.bounded());
        return sandbox;
    }

    @Override
    public Optional<Sandbox> recover(SandboxRef ref) {
        return backend.recover(ref);
    }

    @Override
    public List<String> commands() {
        return backend.commands();
    }

    @Override
    public void die() {
        backend.die();
    }

    @Override
    public void close() {
        backend.close();
    }
}
