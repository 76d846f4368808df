package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.guest.Guest;
import dev.cloister.isolation.local.guest.GuestBackend;
import dev.cloister.isolation.local.guest.GuestMachine;
import dev.cloister.isolation.local.guest.GuestSandbox;
import dev.cloister.isolation.local.guest.GuestSandbox.Layers;
import dev.cloister.isolation.local.guest.IdleTimers;
import dev.cloister.isolation.local.guest.LeftGuest;
import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Ids;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.isolation.microvm.image.WorkspaceDisk;
import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The virtual machines of one installation. A machine is started at its tenant's first use, from the state of one that was booted
 * before, and goes on running between uses; when nobody used it for a while it is ended, and when the server stops all are: what a
 * tenant has is on its disk. Those of a server that was killed are taken over. Thread-safe for different tenants.
 */
final class MicroVmBackend implements GuestBackend {
    private static final Logger log = LoggerFactory.getLogger(MicroVmBackend.class);
    private static final List<String> LOOK =
            List.of("/bin/sh", "-c", "for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$p; echo; done 2>/dev/null");
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Hypervisor hypervisor;
    private final MicroVmOptions options;
    private final IsolationConfig config;
    private final MachineFiles files;
    private final MachineShape shape;
    private final Path saved;
    private final boolean ownUids;
    private final IdleTimers resting;
    /** Those of an earlier server that nobody has asked for yet, by tenant. */
    private final Map<String, Left> found = new ConcurrentHashMap<>();

    private final Map<String, TenantMachine> machines = new ConcurrentHashMap<>();
    private final Set<GuestSandbox> open = ConcurrentHashMap.newKeySet();

    private record Left(Machine machine, String plan) {}

    /**
     * @param saved the state that machines start from
     * @param ownUids whether each tenant has a uid of its own
     */
    MicroVmBackend(
            Hypervisor hypervisor,
            MicroVmOptions options,
            IsolationConfig config,
            MachineFiles files,
            MachineShape shape,
            Path saved,
            boolean ownUids) {
        this.hypervisor = hypervisor;
        this.options = options;
        this.config = config;
        this.files = files;
        this.shape = shape;
        this.saved = saved;
        this.ownUids = ownUids;
        this.resting = new IdleTimers(options.idle());
        try {
            for (MachineFiles.Note note : files.notes()) {
                hypervisor
                        .running(shape.plan(
                                files, files.place(note.tenant()), Path.of(SandboxSpec.DISK), Optional.empty()))
                        .ifPresentOrElse(left -> found(note, left), () -> files.remove(note.tenant()));
            }
        } catch (IOException e) {
            throw MachineFiles.unusable(files.root(), e);
        }
    }

    private void found(MachineFiles.Note note, Machine left) {
        found.put(note.tenant(), new Left(left, note.plan()));
        resting.start(note.tenant(), () -> forget(note.tenant()));
    }

    /** Where the directories of its machines are. */
    Path place() {
        return files.machines();
    }

    @Override
    public boolean bounds(Sandbox sandbox) {
        @Nullable TenantMachine machine = machines.get(sandbox.ref().name());
        return machine != null
                && machine.cgroup().map(group -> group.bounds(config.limits())).orElse(false);
    }

    @Override
    public boolean keepsFiles() {
        return true;
    }

    @Override
    public Sandbox prepare(SandboxSpec spec) {
        resting.cancel(spec.name());
        Path disk = spec.disk();
        try {
            WorkspaceDisk.make(disk, options.disk(), spec.uid(), List.of(spec.work(), spec.home()));
            if (ownUids) {
                MachineFiles.give(disk, spec.uid());
            }
            MachinePlan plan = shape.plan(
                    files, files.of(spec, ownUids), disk, ownUids ? Optional.of(spec.uid()) : Optional.empty());
            TenantMachine.Start start = new TenantMachine.Start(
                    spec.name(),
                    plan,
                    saved,
                    MachineFiles.identity(spec, config.limits().tmp()),
                    config.limits(),
                    config.runRoot());
            TenantMachine machine = machines.compute(spec.name(), (name, old) -> machine(start, old));
            machine.guest();
            GuestSandbox sandbox = new GuestSandbox(
                    new SandboxRef(IsolationMode.MICROVM, spec.name(), spec.uid()),
                    machine,
                    layers(spec),
                    config.runRoot(),
                    closed -> closed(closed, machine));
            open.add(sandbox);
            return sandbox;
        } catch (IOException e) {
            throw MachineFiles.unusable(files.root(), e);
        } catch (RuntimeException e) {
            @Nullable TenantMachine made = machines.get(spec.name());
            resting.start(spec.name(), made == null ? () -> forget(spec.name()) : made::stop);
            throw e;
        }
    }

    private Layers layers(SandboxSpec spec) {
        List<Path> groups = List.of(GuestMachine.CGROUP.resolve("cgroup.procs"));
        return new Layers(
                Optional.of(new Ids(spec.uid(), spec.uid())),
                CommonLayers.limits(config.limits(), true, groups),
                groups);
    }

    private TenantMachine machine(TenantMachine.Start start, @Nullable TenantMachine old) {
        if (old != null && old.start().equals(start)) {
            return old;
        }
        if (old != null) {
            old.remove();
        }
        @Nullable Left left = found.remove(start.tenant());
        boolean same = left != null && left.plan().equals(fingerprint(start.plan()));
        if (left != null && !same) {
            log.info("the virtual machine of tenant {} is started anew, because it is to be another", start.tenant());
            left.machine().close();
        }
        return new TenantMachine(
                hypervisor,
                start,
                left != null && same ? Optional.of(left.machine()) : Optional.empty(),
                () -> remember(start));
    }

    private void remember(TenantMachine.Start start) {
        try {
            files.remember(start.tenant(), fingerprint(start.plan()));
        } catch (IOException e) {
            throw MachineFiles.unusable(files.root(), e);
        }
    }

    /** One that was started by another is not used. */
    private String fingerprint(MachinePlan plan) {
        return saved.getFileName() + " " + plan.hashed();
    }

    private void closed(GuestSandbox sandbox, TenantMachine machine) {
        open.remove(sandbox);
        resting.start(machine.start().tenant(), machine::stop);
    }

    private void forget(String tenant) {
        @Nullable Left left = found.remove(tenant);
        if (left != null) {
            log.info("ending the virtual machine that an earlier server left of tenant {}", tenant);
            left.machine().close();
            files.remove(tenant);
        }
    }

    @Override
    public Optional<Sandbox> recover(SandboxRef ref) {
        @Nullable Left left = found.get(ref.name());
        return ref.mode() == IsolationMode.MICROVM && left != null
                ? Optional.of(new LeftGuest(ref, () -> empty(left.machine())))
                : Optional.empty();
    }

    /** A guest begins by ending what was left before it. */
    private void empty(Machine left) {
        Duration patience = PATIENCE.multipliedBy(hypervisor.slowness());
        try (ByteChannel stream = left.connect(patience);
                Guest guest = Guest.openMachine(
                        Channels.newInputStream(stream),
                        Channels.newOutputStream(stream),
                        MachineFiles.INNER_LAUNCHER,
                        patience,
                        () -> {})) {
            guest.machine().anew();
        } catch (IOException e) {
            left.close();
        }
    }

    /** By a program of root's in each guest, which sees all that runs there. */
    @Override
    public List<String> commands() {
        List<String> all = new ArrayList<>();
        for (TenantMachine machine : machines.values()) {
            LaunchPlan plan = LaunchPlan.bare(Optional.empty(), Map.of("PATH", CommonLayers.PATH), LOOK);
            LaunchedProcess look = machine.guest().launch(plan, UnaryOperator.identity());
            try {
                new String(look.stdout().readAllBytes(), StandardCharsets.UTF_8)
                        .lines()
                        .forEach(all::add);
                look.stderr().close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return all;
    }

    @Override
    public void die() {
        machines.values().forEach(TenantMachine::abandon);
    }

    @Override
    public void close() {
        resting.close();
        Set.copyOf(open).forEach(GuestSandbox::close);
        AtOnce.forEach(Set.copyOf(machines.values()), this::end);
        machines.clear();
        List.copyOf(found.keySet()).forEach(this::forget);
        hypervisor.close();
    }

    private void end(TenantMachine machine) {
        try {
            machine.remove();
            files.remove(machine.start().tenant());
        } catch (IsolationException e) {
            log.warn("a virtual machine is left: {}", e.getMessage());
        }
    }
}
