package dev.cloister.isolation.local.sandbox;

import dev.cloister.isolation.local.cgroup.Cgroup;
import dev.cloister.isolation.local.cgroup.Cgroups;
import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Share;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** A mode of this machine, opened: its blueprint, the launcher, and the control groups where there are any. */
public final class LocalBackend implements IsolationBackend, MortalServer {
    private final Blueprint blueprint;
    private final Launcher launcher;
    private final Optional<Cgroups> cgroups;
    private final IsolationConfig config;
    private final UidSweep sweep;
    private final Set<LocalSandbox> open = ConcurrentHashMap.newKeySet();
    /** Uids that had processes when the mode was opened: only an earlier server can have left those. */
    private final Set<Long> uidsAtStart;

    /** Takes over the launcher and the groups. */
    public LocalBackend(
            Blueprint blueprint,
            Launcher launcher,
            Optional<Cgroups> cgroups,
            IsolationConfig config,
            boolean ownUids) {
        this.blueprint = blueprint;
        this.launcher = launcher;
        this.cgroups = cgroups;
        this.config = config;
        this.sweep = new UidSweep(ownUids);
        try {
            uidsAtStart = ProcessTable.read().processes().values().stream()
                    .map(ProcessTable.Entry::uid)
                    .collect(Collectors.toSet());
        } catch (IOException e) {
            throw new UncheckedIOException("the process table could not be read", e);
        }
    }

    @Override
    public void die() {
        launcher.die();
    }

    @Override
    public Sandbox prepare(SandboxSpec spec) {
        Share share = launcher.share(spec.uid(), sweep.ownUids());
        Optional<Cgroup> cgroup = Optional.empty();
        try {
            // The share's random part makes the name new even while an earlier sandbox of the tenant is being closed.
            cgroup = cgroups.map(
                    groups -> groups.create(spec.name() + "-" + share.host().getFileName(), config.limits()));
            blueprint
                    .furnishing(spec)
                    .forEach((name, content) -> share.publish(name, content.getBytes(StandardCharsets.UTF_8)));
            LocalSandbox sandbox = new LocalSandbox(blueprint, launcher, spec, share, cgroup, sweep, open::remove);
            open.add(sandbox);
            return sandbox;
        } catch (RuntimeException e) {
            cgroup.ifPresent(Cgroup::close);
            share.close();
            throw e;
        }
    }

    @Override
    public Optional<Sandbox> recover(SandboxRef ref) {
        if (ref.mode() != blueprint.mode() || !sweep.ownUids() || !uidsAtStart.contains(ref.uid())) {
            return Optional.empty();
        }
        return Optional.of(new AbandonedSandbox(sweep, ref));
    }

    @Override
    public void close() {
        AtOnce.forEach(Set.copyOf(open), LocalSandbox::close);
        launcher.close();
        cgroups.ifPresent(Cgroups::close);
    }
}
