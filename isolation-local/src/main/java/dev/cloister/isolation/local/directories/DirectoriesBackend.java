package dev.cloister.isolation.local.directories;

import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** Directories mode, opened. */
final class DirectoriesBackend implements IsolationBackend {
    private final Launcher launcher;
    private final Set<DirectoriesSandbox> open = ConcurrentHashMap.newKeySet();
    /** Uids that had processes when the mode was opened: only an earlier server can have left those. */
    private final Set<Long> uidsAtStart;

    DirectoriesBackend(IsolationConfig config, boolean ownUids) {
        try {
            uidsAtStart = ProcessTable.read().processes().values().stream()
                    .map(ProcessTable.Entry::uid)
                    .collect(Collectors.toSet());
        } catch (IOException e) {
            throw new UncheckedIOException("the process table could not be read", e);
        }
        launcher = Launcher.open(config.runRoot(), ownUids);
    }

    @Override
    public Sandbox prepare(SandboxSpec spec) {
        DirectoriesSandbox sandbox = new DirectoriesSandbox(launcher, spec, open::remove);
        open.add(sandbox);
        return sandbox;
    }

    @Override
    public Optional<Sandbox> recover(SandboxRef ref) {
        if (ref.mode() != IsolationMode.DIRECTORIES || !launcher.ownUids() || !uidsAtStart.contains(ref.uid())) {
            return Optional.empty();
        }
        return Optional.of(new AbandonedSandbox(launcher, ref));
    }

    @Override
    public void close() {
        AtOnce.forEach(Set.copyOf(open), DirectoriesSandbox::close);
        launcher.close();
    }
}
