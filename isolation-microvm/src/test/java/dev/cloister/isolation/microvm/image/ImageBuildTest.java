package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Of a root and a kernel that are given; Debian's come over the network. */
class ImageBuildTest {
    @TempDir
    private Path scratch;

    private Path target;
    private Path root;
    private Path kernel;
    private Path modules;
    private final List<String> steps = new ArrayList<>();

    @BeforeEach
    void make() throws IOException {
        target = scratch.resolve("data/vm");
        root = Files.createDirectories(scratch.resolve("tree/usr/bin"))
                .resolveSibling("..")
                .normalize();
        Files.writeString(root.resolve("usr/bin/sh"), "a shell");
        Files.createSymbolicLink(root.resolve("bin"), Path.of("usr/bin"));
        kernel = Files.writeString(scratch.resolve("vmlinuz"), "a kernel");
        modules = Files.createDirectories(scratch.resolve("modules/6.1.0-test/kernel"))
                .resolveSibling(".")
                .normalize();
        StringBuilder dependencies = new StringBuilder();
        for (String name : List.of("virtio_ring", "virtio", "virtio_mmio", "virtio_console", "virtio_blk")) {
            Files.writeString(modules.resolve("kernel/" + name + ".ko"), "code of " + name);
            dependencies.append("kernel/").append(name).append(".ko:\n");
        }
        Tool.of("xz", modules.resolve("kernel/virtio_blk.ko").toString()).run();
        Files.writeString(
                modules.resolve("modules.dep"), dependencies.toString().replace("virtio_blk.ko", "virtio_blk.ko.xz"));
        Files.writeString(
                modules.resolve("modules.builtin"),
                "kernel/fs/ext4/ext4.ko\nkernel/crypto/crc32c_generic.ko\nkernel/fs/overlay.ko\n");
    }

    private void build() {
        ImageBuild.run(
                new ImageBuild.Request(
                        target,
                        Optional.empty(),
                        List.of(),
                        Optional.of(root),
                        Optional.of(new ImageBuild.Kernel(kernel, modules))),
                steps::add);
    }

    @Test
    void whatIsBuiltCanBeOpened() throws IOException {
        build();
        MachineImages images = MachineImages.open(target);
        assertThat(images.kernelRelease()).isEqualTo("6.1.0-test");
        assertThat(images.kernel()).hasContent("a kernel");
        assertThat(images.modules().stream().map(path -> path.getFileName().toString()))
                .containsExactly(
                        "00-virtio_ring.ko",
                        "01-virtio.ko",
                        "02-virtio_mmio.ko",
                        "03-virtio_console.ko",
                        "04-virtio_blk.ko");
        assertThat(images.modules().getLast()).hasContent("code of virtio_blk");
        Debugfs inside = new Debugfs(images.root());
        assertThat(inside.isSound()).isTrue();
        assertThat(inside.content("/usr/bin/sh")).isEqualTo("a shell");
        assertThat(inside.mode("/bin")).isEqualTo("120777");
        assertThat(Files.readString(target.resolve("manifest.json"))).doesNotContain(scratch.toString());
        assertThat(steps).contains("writing the root's file system");
        onlyTheTargetIsThere();
    }

    private void onlyTheTargetIsThere() throws IOException {
        try (var left = Files.list(scratch.resolve("data"))) {
            assertThat(left).containsExactlyInAnyOrder(target, scratch.resolve("data/vm.lock"));
        }
    }

    @Test
    void aBuildThatFailsLeavesWhatWasThere() throws IOException {
        build();
        String before = MachineImages.open(target).fingerprint();
        Files.delete(modules.resolve("kernel/virtio.ko"));
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(this::build)
                .withMessageContaining("virtio.ko");
        assertThat(MachineImages.open(target).fingerprint()).isEqualTo(before);
        onlyTheTargetIsThere();
    }

    @Test
    void anotherBuildTakesItsPlace() throws IOException {
        build();
        String before = MachineImages.open(target).fingerprint();
        Files.writeString(kernel, "a newer kernel");
        build();
        assertThat(MachineImages.open(target).fingerprint()).isNotEqualTo(before);
        onlyTheTargetIsThere();
    }

    @Test
    void whatAKilledBuildLeftIsMended() throws IOException {
        build();
        Files.move(target, scratch.resolve("data/vm.before"));
        Files.createDirectory(scratch.resolve("data/vm.new"));
        Files.writeString(scratch.resolve("data/vm.new/kernel"), "half");
        Path before = modules;
        modules = scratch.resolve("gone");
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(this::build)
                .withMessageContaining("--modules");
        assertThat(MachineImages.open(target).kernel()).hasContent("a kernel");
        onlyTheTargetIsThere();
        modules = before;
        build();
        onlyTheTargetIsThere();
    }
}
