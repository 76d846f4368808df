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

    /** The same for two plans that are the same: a container that was made by another is not used. */
    String fingerprint() {
        return UUID.nameUUIDFromBytes(toString().getBytes(StandardCharsets.UTF_8))
                .toString();
    }

    String name() {
        return "cloister-" + installation + "-" + tenant;
    }
}
