package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.cgroup.ForeignCgroup;
import dev.cloister.isolation.local.guest.Guest;
import dev.cloister.isolation.local.guest.GuestHost;
import dev.cloister.isolation.local.guest.GuestMachine;
import dev.cloister.isolation.local.guest.GuestShare;
import dev.cloister.isolation.local.launch.Share;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SharedDirectory;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One tenant's virtual machine, from its start to its end. It is mended when it is found broken: started anew when its process has
 * ended, by whatever cause. What the tenant has is on its disk. Thread-safe.
 */
final class TenantMachine implements GuestHost {
    private static final Logger log = LoggerFactory.getLogger(TenantMachine.class);
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /**
     * What it is started as, and from.
     *
     * @param saved the directory of the saved state
     * @param shares a directory of the server's own for its side of shares
     */
    record Start(
            String tenant,
            MachinePlan plan,
            Path saved,
            GuestMachine.Tenant identity,
            SandboxLimits limits,
            Path shares) {}

    private final Hypervisor hypervisor;
    private final Start start;
    private final Runnable started;
    private @Nullable Machine machine;
    private @Nullable Guest guest;
    private Optional<ForeignCgroup> cgroup = Optional.empty();
    /** Whether the guest was told whose it is since it began. */
    private boolean named;
    /** Counts guests: whoever lost one must not end the next. */
    private long generation;
    /** Whether nobody uses it. */
    private boolean resting = true;

    /**
     * @param left one that an earlier server started with the same plan
     * @param started runs before a machine is started
     */
    TenantMachine(Hypervisor hypervisor, Start start, Optional<Machine> left, Runnable started) {
        this.hypervisor = hypervisor;
        this.start = start;
        this.started = started;
        this.machine = left.orElse(null);
    }

    Start start() {
        return start;
    }

    @Override
    public synchronized Guest guest() {
        resting = false;
        try {
            Guest open = opened();
            if (!named) {
                GuestMachine inside = open.machine();
                inside.become(start.identity());
                ForeignCgroup group = ForeignCgroup.inMachine(inside, GuestMachine.CGROUP);
                group.bound(start.limits());
                cgroup = Optional.of(group);
                named = true;
            }
            return open;
        } catch (IOException e) {
            resting = true;
            lost(generation);
            throw new IsolationException(
                    new Finding(
                            "a virtual machine was started and does not do as it is told",
                            String.valueOf(e.getMessage()),
                            "Try again. If it happens again, look into "
                                    + start.plan().directory()
                                    + "/console.log, and check the tenant's disk while its machine is down: e2fsck -f "
                                    + start.plan().disks().getLast().file()),
                    e);
        }
    }

    private Guest opened() throws IOException {
        @Nullable Guest open = guest;
        if (open != null && open.isOpen()) {
            return open;
        }
        if (open != null) {
            lost(generation);
        }
        @Nullable Machine running = machine;
        if (running == null || !running.isAlive()) {
            closeMachine();
            started.run();
            running = hypervisor.start(start.plan(), Optional.of(start.saved()));
            machine = running;
        }
        long current = ++generation;
        named = false;
        ByteChannel stream = running.connect(patience());
        Guest opened = Guest.openMachine(
                Channels.newInputStream(stream),
                Channels.newOutputStream(stream),
                MachineFiles.INNER_LAUNCHER,
                patience(),
                () -> lost(current));
        guest = opened;
        return opened;
    }

    /** For a guest that is lost or does not obey: its machine ends, and with it all that ran there. The next use starts another. */
    private synchronized void lost(long which) {
        if (which == generation) {
            generation++;
            leaveGuest();
            closeMachine();
        }
    }

    private void leaveGuest() {
        if (guest != null) {
            guest.close();
        }
        guest = null;
        named = false;
    }

    private void closeMachine() {
        if (machine != null) {
            try {
                machine.close();
            } catch (IsolationException e) {
                log.warn("a virtual machine could not be ended: {}", e.getMessage());
            }
        }
        machine = null;
    }

    @Override
    public int slowness() {
        return hypervisor.slowness();
    }

    private Duration patience() {
        return PATIENCE.multipliedBy(slowness());
    }

    /** Where nothing runs any more, nothing is left to be written. */
    @Override
    public void settle() {
        @Nullable Guest open = running();
        if (open == null) {
            return;
        }
        try {
            open.machine().settle();
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "what was written last may not be on the tenant's disk",
                            String.valueOf(e.getMessage()),
                            "Look whether the last changes are there, and send the message again. If it happens again, the disk "
                                    + start.plan().disks().getLast().file()
                                    + " may be damaged, or the host's full."),
                    e);
        }
    }

    private synchronized @Nullable Guest running() {
        return guest != null && guest.isOpen() ? guest : null;
    }

    @Override
    public SharedDirectory share() {
        GuestMachine inside = guest().machine();
        Share outer = Share.in(start.shares(), PrivateRoot.SHARE, 0, false);
        try {
            return GuestShare.of(inside, outer);
        } catch (IOException e) {
            outer.close();
            throw new IsolationException(
                    new Finding(
                            "a virtual machine could not make a directory",
                            String.valueOf(e.getMessage()),
                            "Try again; nothing was started."),
                    e);
        }
    }

    @Override
    public synchronized Optional<ForeignCgroup> cgroup() {
        return cgroup;
    }

    /** A kernel that lacks memory kills processes, and the machine goes on. */
    @Override
    public boolean endedOutOfMemory() {
        return false;
    }

    @Override
    public synchronized void rest() {
        resting = true;
        named = false;
        @Nullable Guest open = guest;
        if (open == null) {
            return;
        }
        try {
            open.machine().anew();
        } catch (IOException e) {
            log.warn("a virtual machine of tenant {} does not rest and is ended: {}", start.tenant(), e.getMessage());
            lost(generation);
        }
    }

    /** What the server's death is to it. */
    synchronized void abandon() {
        leaveGuest();
        if (machine != null) {
            machine.release();
        }
    }

    /** Ends it, unless it is in use again; to be used another is started then. */
    synchronized void stop() {
        if (resting) {
            remove();
        }
    }

    synchronized void remove() {
        @Nullable Guest open = guest;
        if (open != null && machine != null && machine.isAlive()) {
            try {
                open.machine().leave();
            } catch (IOException e) {
                // The disk's journal is for this.
                log.warn("the disk of tenant {} was not put down: {}", start.tenant(), e.getMessage());
            }
        }
        generation++;
        leaveGuest();
        closeMachine();
    }
}
