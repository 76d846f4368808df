package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.cgroup.ForeignCgroup;
import dev.cloister.isolation.local.guest.Guest;
import dev.cloister.isolation.local.guest.GuestHost;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SharedDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One tenant's container, from its making to its end. It is mended when it is found broken: started when it was stopped, made anew
 * when it was removed, by whomever. Thread-safe.
 */
final class TenantContainer implements GuestHost {
    private static final Logger log = LoggerFactory.getLogger(TenantContainer.class);
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** Where a program plays the kernel, or the machine, an agent starts three to ten times as slowly. */
    private static final int OWN_KERNEL = 3;

    private static final Path LAUNCHER = Path.of(ContainerPlan.PROGRAMS, "cloister-launch");
    private static final List<String> GUEST = List.of(ContainerPlan.PROGRAMS + "/cloister-guest", "--alone");

    private final Engine engine;
    private final ContainerPlan plan;
    private final Supplier<SharedDirectory> shares;
    private String id;
    private Optional<ForeignCgroup> cgroup = Optional.empty();
    private Engine.@Nullable Attached stream;
    private @Nullable Guest guest;
    /** Counts guests: whoever lost one must not end the next. */
    private long generation;
    /** Whether nobody uses it. */
    private boolean resting = true;

    private TenantContainer(Engine engine, ContainerPlan plan, Supplier<SharedDirectory> shares, String id) {
        this.engine = engine;
        this.plan = plan;
        this.shares = shares;
        this.id = id;
    }

    /** Takes over one that is there, if it is as it is to be; removes another. Starts nothing. */
    static TenantContainer of(
            Engine engine, ContainerPlan plan, Supplier<SharedDirectory> shares, Optional<Engine.Known> found) {
        if (found.isPresent() && !found.get().plan().equals(plan.fingerprint())) {
            log.info("the container of tenant {} is made anew, because it is to be another", plan.tenant());
            engine.remove(found.get().id());
            return new TenantContainer(engine, plan, shares, engine.create(plan));
        }
        return new TenantContainer(
                engine, plan, shares, found.map(Engine.Known::id).orElseGet(() -> engine.create(plan)));
    }

    ContainerPlan plan() {
        return plan;
    }

    @Override
    public int slowness() {
        return plan.hasOwnKernel() ? OWN_KERNEL : 1;
    }

    /** From now on it is neither stopped nor removed, until {@link #rest}. */
    synchronized void use() {
        resting = false;
    }

    @Override
    public synchronized Guest guest() {
        resting = false;
        @Nullable Guest open = guest;
        if (open != null && open.isOpen()) {
            return open;
        }
        if (open != null) {
            lost(generation);
        }
        Engine.Known state = engine.container(id).orElseGet(() -> {
            log.warn("the container of tenant {} was removed by somebody else, and is made anew", plan.tenant());
            id = engine.create(plan);
            return engine.container(id).orElseThrow(() -> gone());
        });
        if (!state.running()) {
            engine.start(id);
            state = engine.container(id).orElseThrow(() -> gone());
        }
        cgroup = ForeignCgroup.of(state.pid());
        Engine.Attached attached = engine.run(id, GUEST);
        try {
            long current = ++generation;
            Guest opened = Guest.open(attached.output(), attached.input(), LAUNCHER, PATIENCE, () -> lost(current));
            stream = attached;
            guest = opened;
            return opened;
        } catch (IOException e) {
            resting = true;
            attached.close();
            lost(generation);
            throw new IsolationException(
                    new Finding(
                            "a container was started and its guest does not answer",
                            String.valueOf(e.getMessage()),
                            "Try again; if it happens again, look into the engine's log, and try the image by hand."),
                    e);
        }
    }

    private IsolationException gone() {
        return new IsolationException(new Finding(
                "a container disappeared while it was started",
                "the engine does not know container " + id + " any more",
                "Look for what removes containers of name " + plan.name() + "."));
    }

    /** For a guest that is lost or does not obey: nothing that it started may be left. It is started again when it is needed. */
    private synchronized void lost(long which) {
        if (which != generation) {
            return;
        }
        generation++;
        leaveGuest();
        try {
            engine.kill(id);
        } catch (IsolationException e) {
            log.warn("a container could not be killed: {}", e.getMessage());
        }
    }

    /** False, too, if the engine does not say. */
    @Override
    public synchronized boolean endedOutOfMemory() {
        try {
            return engine.container(id).map(Engine.Known::outOfMemory).orElse(false);
        } catch (IsolationException e) {
            log.warn("why a container ended is not known: {}", e.getMessage());
            return false;
        }
    }

    @Override
    public synchronized Optional<ForeignCgroup> cgroup() {
        return cgroup;
    }

    @Override
    public synchronized void rest() {
        resting = true;
        leaveGuest();
    }

    private void leaveGuest() {
        if (guest != null) {
            guest.close();
        }
        if (stream != null) {
            stream.close();
        }
        guest = null;
        stream = null;
    }

    @Override
    public SharedDirectory share() {
        return shares.get();
    }

    /** What the server's death is to it. */
    synchronized void abandon() {
        leaveGuest();
    }

    /** Stops it, unless it is in use again; to be used it is started then. */
    synchronized void stop() {
        if (resting) {
            leaveGuest();
            engine.kill(id);
        }
    }

    /** Returns false if it is in use. */
    synchronized boolean removeUnused() {
        if (resting) {
            remove();
        }
        return resting;
    }

    synchronized void remove() {
        leaveGuest();
        engine.remove(id);
    }
}
