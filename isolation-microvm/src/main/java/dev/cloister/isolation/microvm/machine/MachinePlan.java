package dev.cloister.isolation.microvm.machine;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * All that a virtual machine is to be, decided without any I/O.
 *
 * @param directory an existing directory, this machine's alone, which its hypervisor's process can write: for sockets and logs.
 *     Its path is short enough for sockets in it
 * @param disks in the order in which the guest sees them
 * @param memory bytes
 * @param uid what the hypervisor's process runs as; empty: as the server
 */
public record MachinePlan(
        Path directory, Path kernel, Path initramfs, List<Disk> disks, long memory, int cpus, Optional<Long> uid) {
    /** @param file a file system image */
    public record Disk(Path file, boolean writable) {}

    public MachinePlan {
        disks = List.copyOf(disks);
    }

    /** The same for two plans that are the same. */
    public String hashed() {
        return UUID.nameUUIDFromBytes(toString().getBytes(StandardCharsets.UTF_8))
                .toString();
    }
}
