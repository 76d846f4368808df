package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cloister.isolation.microvm.image.ProgramsImage.Extra;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProgramsImageTest {
    @TempDir
    private Path scratch;

    private Path images;
    private Path tool;

    @BeforeEach
    void make() throws IOException {
        // The host's own paths may have links, and what is asked of the images are real ones.
        scratch = scratch.toRealPath();
        images = Files.createDirectory(scratch.resolve("images"));
        tool = file("opt/tool/bin/run", "rwxr-xr-x", "a program");
        file("opt/tool/lib/data", "rw-r--r--", "data");
        file("opt/tool/lib/secret", "rw-------", "of root's");
        Files.createSymbolicLink(scratch.resolve("opt/tool/lib/link"), Path.of("../bin/run"));
    }

    private Path file(String path, String mode, String content) throws IOException {
        Path file = scratch.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    }

    private Debugfs image(List<Path> programs, Extra... extras) {
        Path image = ProgramsImage.in(images, programs, List.of(extras));
        Debugfs inside = new Debugfs(image);
        assertThat(inside.isSound()).isTrue();
        return inside;
    }

    @Test
    void programsStandAtTheirPathsAsTheyAre() {
        Debugfs inside = image(List.of(scratch.resolve("opt/tool")));
        assertThat(inside.content(tool.toString())).isEqualTo("a program");
        assertThat(inside.mode(tool.toString())).isEqualTo("100755");
        assertThat(inside.list(scratch + "/opt/tool/lib")).containsOnlyKeys("data", "link");
        assertThat(inside.stat(scratch + "/opt/tool/lib/link")).contains("Fast link dest: \"../bin/run\"");
        assertThat(inside.mode(scratch + "/opt/tool/lib")).isEqualTo("040755");
    }

    @Test
    void whatALinkLeadsToComesAlong() throws IOException {
        Path link = Files.createSymbolicLink(scratch.resolve("bin"), Path.of("opt/tool/bin"));
        Debugfs inside = image(List.of(link.resolve("run")));
        assertThat(inside.mode(link.toString())).isEqualTo("120777");
        assertThat(inside.content(tool.toString())).isEqualTo("a program");
        assertThat(inside.list(scratch + "/opt/tool")).containsOnlyKeys("bin");
    }

    @Test
    void holdsWhatMachinesNeedBesides() throws IOException {
        Path source = file("launcher", "rwx------", "a launcher");
        Debugfs inside = image(
                List.of(tool),
                new Extra.Directory("/workspace"),
                new Extra.Directory("/home/agent"),
                new Extra.Text("/etc/hosts", "127.0.0.1 localhost\n", false),
                new Extra.Copy("/cloister/launch", source, true),
                new Extra.Link("/bin", "usr/bin"));
        assertThat(inside.list("/"))
                .containsOnlyKeys(
                        "bin",
                        "cloister",
                        "etc",
                        "home",
                        "lost+found",
                        "workspace",
                        scratch.getName(0).toString());
        assertThat(inside.list("/home/agent")).isEmpty();
        assertThat(inside.content("/etc/hosts")).isEqualTo("127.0.0.1 localhost\n");
        assertThat(inside.mode("/etc/hosts")).isEqualTo("100644");
        assertThat(inside.content("/cloister/launch")).isEqualTo("a launcher");
        assertThat(inside.mode("/cloister/launch")).isEqualTo("100755");
        assertThat(source).hasContent("a launcher");
    }

    @Test
    void isMadeOnceForTheSameAndAnewForAnother() throws IOException {
        Path first = ProgramsImage.in(images, List.of(tool), List.of());
        FileTime made = Files.getLastModifiedTime(first);
        assertThat(ProgramsImage.in(images, List.of(tool), List.of())).isEqualTo(first);
        assertThat(Files.getLastModifiedTime(first)).isEqualTo(made);

        Files.setLastModifiedTime(tool, FileTime.fromMillis(1));
        Path second = ProgramsImage.in(images, List.of(tool), List.of());
        Path third = ProgramsImage.in(images, List.of(tool), List.of(new Extra.Directory("/run")));
        assertThat(List.of(first, second, third)).doesNotHaveDuplicates();

        Files.createDirectory(images.resolve("programs-0123.tree"));
        Path other = Files.createFile(images.resolve("other"));
        ProgramsImage.removeAllBut(images, List.of(first, third));
        try (var left = Files.list(images)) {
            assertThat(left).containsExactlyInAnyOrder(first, third, other);
        }
    }

    @Test
    void aProgramOfManyAndLargeFilesFits() throws IOException {
        Path many = Files.createDirectories(scratch.resolve("many"));
        for (int i = 0; i < 3000; i++) {
            Files.writeString(many.resolve("a-file-with-a-rather-long-name-" + i), "x");
        }
        byte[] large = new byte[48 << 20];
        new Random(1).nextBytes(large);
        Files.write(many.resolve("large"), large);
        Debugfs inside = image(List.of(many));
        assertThat(inside.list(many.toString())).hasSize(3001);
    }

    @Test
    void whatIsMissingIsNamedAndLeavesNothing() {
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> ProgramsImage.in(images, List.of(tool, scratch.resolve("gone")), List.of()))
                .withMessageContaining(scratch + "/gone")
                .withMessageContaining("isolation.programs");
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> ProgramsImage.in(images, List.of(scratch.resolve("opt/tool/lib/secret")), List.of()))
                .withMessageContaining("everybody may read");
        assertThat(images).isEmptyDirectory();
    }
}
