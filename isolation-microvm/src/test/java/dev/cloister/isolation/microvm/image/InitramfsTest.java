package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InitramfsTest {
    private static final int HEADER = 110;

    @TempDir
    private Path scratch;

    private record Entry(String name, int mode, int major, int minor, String content) {}

    @Test
    void holdsInitItsPlacesAndTheModulesInOrder() throws IOException {
        Path init = Files.writeString(scratch.resolve("guest"), "program");
        Path first = Files.writeString(scratch.resolve("00-virtio.ko"), "a");
        Path second = Files.writeString(scratch.resolve("01-ext4.ko"), "bcdef");
        Path target = Files.writeString(scratch.resolve("initramfs"), "an older one");

        Initramfs.write(target, init, List.of(first, second));

        assertThat(entries(Files.readAllBytes(target)))
                .containsExactly(
                        new Entry("dev", 0040755, 0, 0, ""),
                        new Entry("proc", 0040755, 0, 0, ""),
                        new Entry("sys", 0040755, 0, 0, ""),
                        new Entry("modules", 0040755, 0, 0, ""),
                        new Entry("root", 0040755, 0, 0, ""),
                        new Entry("dev/console", 0020600, 5, 1, ""),
                        new Entry("init", 0100755, 0, 0, "program"),
                        new Entry("modules/00-virtio.ko", 0100644, 0, 0, "a"),
                        new Entry("modules/01-ext4.ko", 0100644, 0, 0, "bcdef"),
                        new Entry("TRAILER!!!", 0, 0, 0, ""));
    }

    @Test
    void theSameFilesMakeTheSameBytes() throws IOException {
        Path init = Files.writeString(scratch.resolve("guest"), "program");
        Initramfs.write(scratch.resolve("one"), init, List.of());
        Initramfs.write(scratch.resolve("two"), init, List.of());
        assertThat(scratch.resolve("two")).hasSameBinaryContentAs(scratch.resolve("one"));
    }

    @Test
    void whatCannotBeReadLeavesTheOlderOne() throws IOException {
        Path init = Files.writeString(scratch.resolve("guest"), "program");
        Path target = Files.writeString(scratch.resolve("initramfs"), "an older one");
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> Initramfs.write(target, init, List.of(scratch.resolve("missing.ko"))))
                .withMessageContaining("missing.ko");
        assertThat(target).hasContent("an older one");
        try (var left = Files.list(scratch)) {
            assertThat(left).containsExactlyInAnyOrder(init, target);
        }
    }

    /** As the kernel reads it. */
    private static List<Entry> entries(byte[] archive) {
        List<Entry> entries = new ArrayList<>();
        int at = 0;
        while (at < archive.length) {
            assertThat(text(archive, at, 6)).isEqualTo("070701");
            int size = field(archive, at, 6);
            int nameSize = field(archive, at, 11);
            String name = text(archive, at + HEADER, nameSize - 1);
            int content = aligned(at + HEADER + nameSize);
            entries.add(new Entry(
                    name,
                    field(archive, at, 1),
                    field(archive, at, 9),
                    field(archive, at, 10),
                    text(archive, content, size)));
            at = aligned(content + size);
        }
        return entries;
    }

    private static int field(byte[] archive, int entry, int index) {
        return Integer.parseInt(text(archive, entry + 6 + 8 * index, 8), 16);
    }

    private static String text(byte[] archive, int at, int length) {
        return new String(archive, at, length, StandardCharsets.UTF_8);
    }

    private static int aligned(int at) {
        return (at + 3) / 4 * 4;
    }
}
