package dev.cloister.isolation.microvm;

import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.SandboxLimits;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What all machines of a server have in common: the state of one can be started as another. Pure.
 *
 * @param memory bytes
 */
record MachineShape(long memory, int cpus) {
    private static final long MIB = 1 << 20;
    /** What a guest's kernel takes for itself before anything runs; the tenant's bound is its group's. */
    private static final long KERNEL = 192 * MIB;

    static MachineShape of(SandboxLimits limits, Hypervisor hypervisor) {
        int cpus = Math.max(1, (int) Math.ceil(limits.cpus()));
        return new MachineShape((limits.memory() + KERNEL + MIB - 1) / MIB * MIB, hypervisor.processors(cpus));
    }

    MachinePlan plan(MachineFiles files, Path directory, Path disk, Optional<Long> uid) {
        return new MachinePlan(
                directory,
                files.images().kernel(),
                files.initramfs(),
                List.of(
                        new MachinePlan.Disk(files.images().root(), false),
                        new MachinePlan.Disk(files.programs(), false),
                        new MachinePlan.Disk(disk, true)),
                memory,
                cpus,
                uid);
    }
}
