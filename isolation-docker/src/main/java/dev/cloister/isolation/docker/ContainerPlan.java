package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxSpec;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * All that a tenant's container is to be, decided without any I/O.
 *
 * @param installation which server's it is; two on one machine do not know each other's
 * @param uid also the gid of everything in it
 * @param mounts of directories and files of the host
 * @param runtime empty: the engine's default
 */
record ContainerPlan(
        String installation,
        String tenant,
        String image,
        long uid,
        SandboxLimits limits,
        List<Mount> mounts,
        Optional<String> runtime) {
    /** Of these, or with these names in theirs, it is known that they run containers on the host's kernel. */
    private static final List<String> ON_THE_HOSTS_KERNEL = List.of("runc", "crun", "youki");

    /** gVisor was seen with 570 processes and threads of its own for 256 of a tenant's. */
    private static final int HOSTS_FOR_EACH = 4;

    private static final int HOSTS_OWN = 100;

    /** Where the guest's programs are. */
    static final String PROGRAMS = "/cloister";

    /** @param path where it is in the container; {@code writable} for the tenant */
    record Mount(Path source, String path, boolean writable) {}

    ContainerPlan {
        mounts = List.copyOf(mounts);
    }

    /**
     * @param programs the directory with the guest's programs
     * @param place the tenant's own directory of the server's: the share below {@code run}, {@code passwd} and {@code group}
     */
    static ContainerPlan of(
            String installation,
            ContainerOptions options,
            IsolationConfig config,
            SandboxSpec tenant,
            Path programs,
            Path place) {
        List<Mount> mounts = new ArrayList<>();
        mounts.add(new Mount(programs, PROGRAMS, false));
        mounts.add(new Mount(place.resolve("run"), PrivateRoot.SHARE, false));
        mounts.add(new Mount(place.resolve("passwd"), "/etc/passwd", false));
        mounts.add(new Mount(place.resolve("group"), "/etc/group", false));
        config.programs().forEach(program -> mounts.add(new Mount(program, program.toString(), false)));
        mounts.add(new Mount(tenant.work(), PrivateRoot.PATHS.work(), true));
        mounts.add(new Mount(tenant.home(), PrivateRoot.PATHS.home(), true));
        return new ContainerPlan(
                installation, tenant.name(), options.image(), tenant.uid(), config.limits(), mounts, options.runtime());
    }

    /** Whether what runs in it has a kernel of its own, or what passes for one, as in gVisor. */
    boolean hasOwnKernel() {
        return runtime.isPresent() && ON_THE_HOSTS_KERNEL.stream().noneMatch(runtime.get()::contains);
    }

    /**
     * What bounds it as the host sees it. Processes and threads on another kernel are no processes of the host's, or more than
     * one each: those are bounded by setrlimit(2) there. These are then what plays the kernel, which is given room, because it
     * ends with all in it when it is refused one.
     */
    SandboxLimits limitsOnHost() {
        return hasOwnKernel()
                ? new SandboxLimits(
                        limits.memory(),
                        limits.cpus(),
                        HOSTS_FOR_EACH * limits.pids() + HOSTS_OWN,
                        limits.tmp(),
                        limits.openFiles())
                : limits;
    }

    /** The same for two plans that are the same: a container that was made by another is not used. */
    String fingerprint() {
        return UUID.nameUUIDFromBytes(toString().getBytes(StandardCharsets.UTF_8))
                .toString();
    }

    String name() {
        return "cloister-" + installation + "-" + tenant;
    }
}
