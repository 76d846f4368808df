package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelModulesTest {
    private static final String DEPENDENCIES = """
            kernel/virtio/virtio_ring.ko:
            kernel/virtio/virtio.ko: kernel/virtio/virtio_ring.ko
            kernel/virtio/virtio_mmio.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko
            kernel/char/virtio_console.ko.xz: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko
            kernel/block/virtio_blk.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko
            kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/fs/mbcache.ko
            kernel/fs/other.ko:
            kernel/hw_random/virtio-rng.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko
            """;

    @TempDir
    private Path modules;

    @BeforeEach
    void lists() throws IOException {
        Files.writeString(modules.resolve("modules.dep"), DEPENDENCIES);
        Files.writeString(
                modules.resolve("modules.builtin"),
                "kernel/fs/overlayfs/overlay.ko\nkernel/crypto/crc32c_generic.ko\n");
    }

    @Test
    void eachComesOnceAndAfterWhatItNeeds() throws IOException {
        assertThat(KernelModules.ordered(modules).stream()
                        .map(path -> path.getFileName().toString()))
                .containsExactly(
                        "virtio_ring.ko",
                        "virtio.ko",
                        "virtio_mmio.ko",
                        "virtio_console.ko.xz",
                        "virtio_blk.ko",
                        "mbcache.ko",
                        "jbd2.ko",
                        "ext4.ko",
                        "virtio-rng.ko");
    }

    @Test
    void aKernelWithoutWhatIsNeededIsRefused() throws IOException {
        Files.writeString(modules.resolve("modules.builtin"), "");
        refused("has no module crc32c_generic");
        Files.delete(modules.resolve("modules.dep"));
        refused("has no modules.dep");
    }

    private void refused(String why) {
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> KernelModules.ordered(modules))
                .withMessageContaining(why);
    }
}
