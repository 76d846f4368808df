package dev.cloister.isolation.local.sandbox;

import dev.cloister.isolation.local.cgroup.Cgroup;
import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.Exposed;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Share;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** One tenant's sandbox in any mode on this machine: a share, a control group, and the processes that run. */
final class LocalSandbox implements Sandbox, Measurable {
    private final Blueprint blueprint;
    private final Launcher launcher;
    private final SandboxSpec spec;
    private final Share share;
    private final Optional<Cgroup> cgroup;
    private final UidSweep sweep;
    private final Consumer<LocalSandbox> whenClosed;
    private final AtomicLong launches = new AtomicLong();
    private final Set<LaunchedProcess> running = new HashSet<>();

    /** The ways into its launches, the last first: of two that listen on a port it is the one that is meant. */
    private final Deque<Path> exposed = new ConcurrentLinkedDeque<>();

    private boolean closed;

    /** Takes over the share and the group. */
    LocalSandbox(
            Blueprint blueprint,
            Launcher launcher,
            SandboxSpec spec,
            Share share,
            Optional<Cgroup> cgroup,
            UidSweep sweep,
            Consumer<LocalSandbox> whenClosed) {
        this.blueprint = blueprint;
        this.launcher = launcher;
        this.spec = spec;
        this.share = share;
        this.cgroup = cgroup;
        this.sweep = sweep;
        this.whenClosed = whenClosed;
    }

    @Override
    public SandboxRef ref() {
        return new SandboxRef(blueprint.mode(), spec.name(), spec.uid());
    }

    @Override
    public SandboxPaths paths() {
        return blueprint.paths(spec);
    }

    @Override
    public SharedDirectory share() {
        return share.within(blueprint.innerShare(share.host()));
    }

    @Override
    public Optional<Usage> usage() {
        return cgroup.map(Cgroup::usage);
    }

    @Override
    public SandboxProcess launch(ProcessSpec process) {
        synchronized (this) {
            if (closed) {
                throw new IsolationException(new Finding(
                        "the sandbox is closed", "the server is stopping", "Send the request again later."));
            }
        }
        long killedBefore = oomKills();
        LaunchPlan plan = plan(process);
        LaunchedProcess launched = launcher.launch(plan, this::abandoned, status -> judged(status, killedBefore));
        plan.expose().ifPresent(exposed::addFirst);
        boolean tooLate;
        synchronized (this) {
            tooLate = closed;
            running.add(launched);
        }
        launched.whenGone(() -> {
            ended(launched);
            plan.expose().ifPresent(exposed::remove);
        });
        if (tooLate) {
            launched.terminate(Duration.ZERO);
        }
        return launched;
    }

    @Override
    public List<String> commandLine(ProcessSpec process) {
        return launcher.commandLine(plan(process));
    }

    @Override
    public boolean hasOwnNetwork() {
        return blueprint.hasOwnNetwork();
    }

    @Override
    public Optional<SocketChannel> connect(int port) {
        return exposed.stream()
                .map(socket -> Exposed.connect(socket, port))
                .flatMap(Optional::stream)
                .findFirst();
    }

    private LaunchPlan plan(ProcessSpec process) {
        if ((process.forward().isPresent() || process.exposed()) && !hasOwnNetwork()) {
            throw new IsolationException(new Finding(
                    "there is no way out of this sandbox, nor into it, that leads through the server",
                    blueprint.mode().id() + " mode has no network of its own on this host",
                    "Use a mode with a network namespace, or leave egress.mode closed and ports.open off."));
        }
        long number = launches.incrementAndGet();
        // The share's name is random, so the pair is like no other.
        String launch = share.host().getFileName() + "-" + number;
        List<Path> groups = cgroup.map(Cgroup::joins).orElse(List.of());
        LaunchPlan plan = blueprint.plan(spec, process, share.host(), groups, launch);
        return process.exposed() ? plan.withExpose(share.host().resolve("in-" + number)) : plan;
    }

    private long oomKills() {
        return cgroup.map(Cgroup::oomKills).orElse(0L);
    }

    /** The launcher sees a kill; only the group knows that it was for want of memory. */
    private ExitStatus judged(ExitStatus status, long killedBefore) {
        return Kills.isKill(status) && oomKills() > killedBefore ? new ExitStatus.OutOfMemory() : status;
    }

    /** A launcher was killed. The kernel may end its processes, but not before it has told of the launcher's death. */
    private void abandoned() {
        sweep.sweep(spec.uid(), runningPids());
    }

    private synchronized Set<Long> runningPids() {
        Set<Long> pids = new HashSet<>();
        for (LaunchedProcess process : running) {
            if (process.isAlive()
                    && ProcessHandle.of(process.pid())
                            .map(ProcessHandle::isAlive)
                            .orElse(false)) {
                pids.add(process.pid());
            }
        }
        return pids;
    }

    private synchronized void ended(LaunchedProcess process) {
        running.remove(process);
    }

    @Override
    public void close() {
        List<LaunchedProcess> left;
        synchronized (this) {
            if (closed && running.isEmpty()) {
                return;
            }
            closed = true;
            left = List.copyOf(running);
        }
        AtOnce.forEach(left, process -> process.terminate(Duration.ZERO));
        if (!blueprint.endsByKernel()) {
            sweep.sweep(spec.uid(), Set.of());
        }
        cgroup.ifPresent(Cgroup::close);
        share.close();
        whenClosed.accept(this);
    }
}
