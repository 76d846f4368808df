package dev.cloister.isolation.microvm;

import dev.cloister.spi.IsolationConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * What the operator says of microVM mode.
 *
 * @param images what {@code cloister vm build} made
 * @param hypervisor {@code qemu} or {@code firecracker}
 * @param accelerator {@code kvm} or {@code tcg}
 * @param disk how large a tenant's disk is, in bytes
 * @param boot how long a machine may take to boot
 * @param idle how long one without processes goes on running
 */
record MicroVmOptions(Path images, String hypervisor, String accelerator, long disk, Duration boot, Duration idle) {
    static MicroVmOptions of(IsolationConfig config) {
        Map<String, String> options = config.options();
        return new MicroVmOptions(
                Optional.ofNullable(options.get("microvm.images"))
                        .map(Path::of)
                        .orElseGet(() -> config.jails().resolve("images")),
                options.getOrDefault("microvm.hypervisor", "qemu"),
                options.getOrDefault("microvm.accelerator", "kvm"),
                Long.parseLong(options.getOrDefault("microvm.disk", Long.toString(4L << 30))),
                Duration.ofMillis(Long.parseLong(options.getOrDefault("microvm.boot-timeout", "60000"))),
                Duration.ofMillis(Long.parseLong(options.getOrDefault("microvm.idle-timeout", "600000"))));
    }
}
