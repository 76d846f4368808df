package dev.cloister.isolation.microvm.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelImageTest {
    @TempDir
    Path directory;

    private static byte[] with(int at, String magic) {
        byte[] image = new byte[4096];
        byte[] bytes = magic.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, image, at, bytes.length);
        return image;
    }

    @Test
    void imagesAreKnownByTheirMagicNumbers() {
        assertThat(KernelImage.of(with(0, "\u007fELF"))).isEqualTo(KernelImage.ELF);
        assertThat(KernelImage.of(with(0x38, "ARMd"))).isEqualTo(KernelImage.ARM64);
        assertThat(KernelImage.of(with(0x202, "HdrS"))).isEqualTo(KernelImage.PACKED);
        assertThat(KernelImage.of(with(0, "#!/bin/sh"))).isEqualTo(KernelImage.UNKNOWN);
        assertThat(KernelImage.of(new byte[0])).isEqualTo(KernelImage.UNKNOWN);
    }

    @Test
    void aPackedKernelIsRefusedWithTheWayToUnpackIt() throws IOException {
        Path kernel = Files.write(directory.resolve("vmlinuz"), with(0x202, "HdrS"));
        assertThatThrownBy(() -> KernelImage.require(kernel))
                .isInstanceOf(IsolationException.class)
                .hasMessageContaining("extract-vmlinux " + kernel + " > vmlinux");
        Path unpacked = Files.write(directory.resolve("vmlinux"), with(0, "\u007fELF"));
        assertThatCode(() -> KernelImage.require(unpacked)).doesNotThrowAnyException();
    }
}
