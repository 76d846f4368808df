package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineImagesTest {
    @TempDir
    private Path images;

    @BeforeEach
    void make() throws IOException {
        Files.createDirectory(images.resolve("modules"));
        manifest(Manifest.FORMAT, List.of("kernel", "modules/01-b.ko", "modules/00-c.ko", "root.ext4"));
    }

    private void manifest(int format, List<String> names) throws IOException {
        Map<String, Manifest.Content> files = new LinkedHashMap<>();
        for (String name : names) {
            Path file = Files.writeString(images.resolve(name), "content of " + name);
            files.put(name, new Manifest.Content(Files.size(file), Digest.of(file)));
        }
        new Manifest(format, "6.1.0-1-cloud", "amd64", "by a test", files).write(images.resolve(Manifest.FILE));
    }

    @Test
    void givesWhatAMachineStartsFrom() {
        MachineImages read = MachineImages.open(images);
        assertThat(read.kernel()).isEqualTo(images.resolve("kernel"));
        assertThat(read.root()).isEqualTo(images.resolve("root.ext4"));
        assertThat(read.modules())
                .containsExactly(images.resolve("modules/00-c.ko"), images.resolve("modules/01-b.ko"));
        assertThat(read.kernelRelease()).isEqualTo("6.1.0-1-cloud");
        assertThat(read.fingerprint()).isEqualTo(MachineImages.open(images).fingerprint());
    }

    @Test
    void anotherFileIsAnotherFingerprint() throws IOException {
        String before = MachineImages.open(images).fingerprint();
        manifest(Manifest.FORMAT, List.of("kernel", "modules/00-c.ko", "root.ext4"));
        assertThat(MachineImages.open(images).fingerprint()).isNotEqualTo(before);
    }

    @Test
    void saysHowToBuildWhatIsMissing() throws IOException {
        for (String name : List.of("kernel", "root.ext4", "modules/01-b.ko", Manifest.FILE)) {
            Files.move(images.resolve(name), images.resolve("away"));
            refused(name);
            Files.move(images.resolve("away"), images.resolve(name));
        }
    }

    @Test
    void refusesWhatIsDamagedIncompleteOrOfAnotherForm() throws IOException {
        Files.writeString(images.resolve("root.ext4"), "short");
        refused("root.ext4 has 5 bytes");
        manifest(Manifest.FORMAT, List.of("kernel"));
        refused("has no root.ext4");
        manifest(Manifest.FORMAT + 1, List.of("kernel", "root.ext4"));
        refused("says format 2");
        Files.writeString(images.resolve(Manifest.FILE), "{}");
        refused("is no manifest");
    }

    private void refused(String why) {
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> MachineImages.open(images))
                .withMessageContaining(why)
                .withMessageContaining("cloister vm build");
    }
}
