package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.isolation.microvm.machine.MachinePlan;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Where a machine's files are. Firecracker works in a directory of its own and knows all of them by the same short names, in each
 * machine, because a machine that was saved asks for its disks and its socket by the names that they had.
 *
 * @param id what Firecracker is told that the machine is called; always the same for the same directory
 * @param directory the plan's
 * @param root what Firecracker works in: a directory of {@code directory}, or its jail
 * @param jail all that the jailer makes, with {@code root} in it
 */
record Place(String id, Path directory, Path root, Optional<Path> jail) {
    static final String API = "api.sock";
    static final String VSOCK = "v.sock";
    static final String KERNEL = "kernel";
    static final String INITRAMFS = "initramfs";
    static final String SAVED_STATE = "saved-state";
    static final String SAVED_MEMORY = "saved-memory";

    private static final String ROOT = "root";

    static Place of(Installation installation, MachinePlan plan) {
        Path directory = plan.directory().toAbsolutePath().normalize();
        String id = UUID.nameUUIDFromBytes(directory.toString().getBytes(StandardCharsets.UTF_8))
                .toString();
        Optional<Path> jail = installation
                .jail()
                .map(jailed -> jailed.base()
                        .resolve(String.valueOf(installation.executable().getFileName()))
                        .resolve(id));
        return new Place(
                id, directory, jail.map(path -> path.resolve(ROOT)).orElseGet(() -> directory.resolve(ROOT)), jail);
    }

    /** The way to {@link #root} by which sockets are reached: a jail's own path may be too long for an address. */
    Path door() {
        return directory.resolve(ROOT);
    }

    /** What Firecracker says last, when it cannot start. */
    Path complaints() {
        return directory.resolve("stderr");
    }

    static String disk(int number) {
        return "disk" + number;
    }

    static List<String> savedNames() {
        return List.of(SAVED_STATE, SAVED_MEMORY);
    }

    /** What has to stand in {@link #root} before a machine can start, by name. */
    static Map<String, Path> files(MachinePlan plan, Optional<Path> saved) {
        Map<String, Path> files = new LinkedHashMap<>();
        saved.ifPresentOrElse(from -> savedNames().forEach(name -> files.put(name, from.resolve(name))), () -> {
            files.put(KERNEL, plan.kernel());
            files.put(INITRAMFS, plan.initramfs());
        });
        List<MachinePlan.Disk> disks = new ArrayList<>(plan.disks());
        for (int number = 0; number < disks.size(); number++) {
            files.put(disk(number), disks.get(number).file());
        }
        return files;
    }
}
