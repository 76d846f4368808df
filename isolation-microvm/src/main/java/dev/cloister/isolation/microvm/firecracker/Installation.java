package dev.cloister.isolation.microvm.firecracker;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where Firecracker is, and what confines its process.
 *
 * @param executable of version 1.7 or later
 * @param jail empty: it runs as the server's user, without a root, a uid, a control group and namespaces of its own, and what is left
 *     around a guest that breaks out of its machine is Firecracker's own filter of system calls
 */
public record Installation(Path executable, Optional<Jail> jail) {
    /**
     * What the jailer, which has to be started as root, makes around each process.
     *
     * @param jailer of the same version as Firecracker
     * @param base an existing directory that only root can write, on the file system on which kernels, disks and saved machines are:
     *     what a machine uses is linked into its jail
     * @param groups empty: what bounds the server bounds it
     */
    public record Jail(Path jailer, Path base, Optional<Groups> groups) {}

    /**
     * @param version 1 or 2
     * @param parent below the root of each hierarchy, as {@code cloister/machines}
     */
    public record Groups(int version, String parent) {
        public Groups {
            if (version != 1 && version != 2) {
                throw new IllegalArgumentException("there are control groups of version 1 and 2, and not " + version);
            }
        }
    }
}
