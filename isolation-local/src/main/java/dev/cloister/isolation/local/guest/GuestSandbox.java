package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.cgroup.ForeignCgroup;
import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Ids;
import dev.cloister.isolation.local.launch.LaunchPlan.Limit;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.local.sandbox.Kills;
import dev.cloister.spi.ExitStatus;
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
import java.io.UncheckedIOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** The use of a tenant's container or virtual machine until it is closed; that itself is its backend's. Thread-safe. */
public final class GuestSandbox implements Sandbox {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final SandboxRef ref;
    private final GuestHost host;
    private final Layers layers;
    private final Path meeting;
    private final Consumer<GuestSandbox> whenClosed;
    private final UseMeter meter = new UseMeter();
    private final AtomicLong launches = new AtomicLong();
    private final Set<LaunchedProcess> running = new HashSet<>();
    private boolean closed;

    /**
     * What each launch adds to the walls of the host.
     *
     * @param ids what the command runs as; empty: as the guest does
     * @param cgroups as the guest sees them
     */
    public record Layers(Optional<Ids> ids, List<Limit> limits, List<Path> cgroups) {
        public Layers {
            limits = List.copyOf(limits);
            cgroups = List.copyOf(cgroups);
        }
    }

    /**
     * @param meeting a directory of the server's own, in which sockets stand for a moment
     * @param whenClosed runs once, when nothing runs any more
     */
    public GuestSandbox(
            SandboxRef ref, GuestHost host, Layers layers, Path meeting, Consumer<GuestSandbox> whenClosed) {
        this.ref = ref;
        this.host = host;
        this.layers = layers;
        this.meeting = meeting;
        this.whenClosed = whenClosed;
    }

    @Override
    public SandboxRef ref() {
        return ref;
    }

    @Override
    public SandboxPaths paths() {
        return PrivateRoot.PATHS;
    }

    @Override
    public SharedDirectory share() {
        return host.share();
    }

    @Override
    public int slowness() {
        return host.slowness();
    }

    @Override
    public void settle() {
        host.settle();
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
        Guest guest = process.forward().map(host::guest).orElseGet(host::guest);
        long killedBefore = oomKills();
        // Each look at a machine's group is several questions to its guest.
        if (!meter.hasBegun()) {
            counted().ifPresent(meter::begin);
        }
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

    /** The host is the wall; what is added is what it does not have, and a directory that ends with the command. */
    private LaunchPlan plan(ProcessSpec process) {
        String tmp = "/tmp/" + launches.incrementAndGet();
        return new LaunchPlan(
                layers.ids(),
                Set.of(),
                Optional.empty(),
                layers.limits(),
                Optional.empty(),
                SystemCalls.FILTERED,
                layers.cgroups(),
                Optional.of(tmp),
                Optional.empty(),
                Optional.empty(),
                process.cwd(),
                CommonLayers.environment(process, paths(), tmp),
                process.command());
    }

    /** None where nobody can be asked, because all of it has ended. */
    private long oomKills() {
        try {
            return host.cgroup().map(ForeignCgroup::oomKills).orElse(0L);
        } catch (UncheckedIOException e) {
            return 0;
        }
    }

    /** The launcher sees a kill; only the group knows that it was for want of memory, or the engine where all ends by it. */
    private ExitStatus judged(ExitStatus status, long killedBefore) {
        return Kills.isKill(status) && (oomKills() > killedBefore || host.endedOutOfMemory())
                ? new ExitStatus.OutOfMemory()
                : status;
    }

    @Override
    public Optional<SocketChannel> connect(int port) {
        try {
            return host.guest().connect(port, meeting, PATIENCE.multipliedBy(slowness()));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    @Override
    public Optional<Usage> usage() {
        return counted().map(meter::read);
    }

    private Optional<Usage> counted() {
        try {
            return host.cgroup().map(ForeignCgroup::usage);
        } catch (UncheckedIOException e) {
            return Optional.empty();
        }
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
        // Whatever runs there still, too.
        host.rest();
        whenClosed.accept(this);
    }
}
