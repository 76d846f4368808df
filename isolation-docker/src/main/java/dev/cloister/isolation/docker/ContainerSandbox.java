package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.cgroup.ForeignCgroup;
import dev.cloister.isolation.local.guest.Guest;
import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Limit;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.local.sandbox.Kills;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** The use of a tenant's container until it is closed; the container itself is its backend's. */
final class ContainerSandbox implements Sandbox {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final TenantContainer container;
    private final SandboxSpec spec;
    private final Places places;
    private final boolean ownUid;
    private final Path meeting;
    private final List<Limit> limits;
    private final Consumer<ContainerSandbox> whenClosed;
    private final AtomicLong launches = new AtomicLong();
    private final Set<LaunchedProcess> running = new HashSet<>();
    private boolean closed;

    /** @param meeting a directory of the server's own, in which sockets stand for a moment */
    ContainerSandbox(
            TenantContainer container,
            SandboxSpec spec,
            Places places,
            boolean ownUid,
            Path meeting,
            Consumer<ContainerSandbox> whenClosed) {
        this.container = container;
        this.spec = spec;
        this.places = places;
        this.ownUid = ownUid;
        this.meeting = meeting;
        this.limits = CommonLayers.limits(container.plan().limits(), false, List.of());
        this.whenClosed = whenClosed;
    }

    TenantContainer container() {
        return container;
    }

    @Override
    public SandboxRef ref() {
        return new SandboxRef(IsolationMode.CONTAINER, spec.name(), spec.uid());
    }

    @Override
    public SandboxPaths paths() {
        return PrivateRoot.PATHS;
    }

    @Override
    public SharedDirectory share() {
        return places.share(spec, ownUid);
    }

    @Override
    public boolean hasOwnNetwork() {
        return true;
    }

    @Override
    public SandboxProcess launch(ProcessSpec process) {
        synchronized (this) {
            if (closed) {
                throw new IsolationException(new Finding(
                        "the sandbox is closed", "the server is stopping", "Send the request again later."));
            }
        }
        Guest guest = process.forward().map(container::guest).orElseGet(container::guest);
        long killedBefore = oomKills();
        LaunchedProcess launched = guest.launch(plan(process), status -> judged(status, killedBefore));
        boolean tooLate;
        synchronized (this) {
            tooLate = closed;
            running.add(launched);
        }
        launched.whenGone(() -> ended(launched));
        if (tooLate) {
            launched.terminate(Duration.ZERO);
        }
        return launched;
    }

    /** The engine has put up the walls; what is added is what it does not have, and a directory that ends with the command. */
    private LaunchPlan plan(ProcessSpec process) {
        String tmp = "/tmp/" + launches.incrementAndGet();
        return new LaunchPlan(
                Optional.empty(),
                Set.of(),
                Optional.empty(),
                limits,
                Optional.empty(),
                SystemCalls.FILTERED,
                List.of(),
                Optional.of(tmp),
                Optional.empty(),
                Optional.empty(),
                process.cwd(),
                CommonLayers.environment(process, paths(), tmp),
                process.command());
    }

    private long oomKills() {
        return container.cgroup().map(ForeignCgroup::oomKills).orElse(0L);
    }

    /** The launcher sees a kill; only the group knows that it was for want of memory, or the engine where all ends by it. */
    private ExitStatus judged(ExitStatus status, long killedBefore) {
        return Kills.isKill(status) && (oomKills() > killedBefore || container.endedOutOfMemory())
                ? new ExitStatus.OutOfMemory()
                : status;
    }

    @Override
    public Optional<SocketChannel> connect(int port) {
        try {
            return container.guest().connect(port, meeting, PATIENCE);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    @Override
    public Optional<Usage> usage() {
        return container.cgroup().map(ForeignCgroup::usage);
    }

    private synchronized void ended(LaunchedProcess process) {
        running.remove(process);
    }

    @Override
    public void close() {
        List<LaunchedProcess> left;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            left = List.copyOf(running);
        }
        AtOnce.forEach(left, process -> process.terminate(Duration.ZERO));
        // The stream's end ends whatever the container still runs.
        container.rest();
        whenClosed.accept(this);
    }
}
