package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WorkspaceDiskTest {
    private static final long MEBI = 1 << 20;
    private static final long TENANT = 54_321;

    private Path scratch;
    private Path disks;
    private Path disk;
    private Path work;
    private Path home;
    private long uid;

    @BeforeEach
    void make() throws IOException {
        uid = Rights.own() == 0 ? TENANT : Rights.own();
        // Not JUnit's: the tenant has to walk to its own.
        scratch = Files.createTempDirectory("disk");
        Files.setPosixFilePermissions(scratch, PosixFilePermissions.fromString("rwx--x--x"));
        disks = Files.createDirectory(scratch.resolve("disks"));
        disk = disks.resolve("a.ext4");
        Files.setPosixFilePermissions(disks, PosixFilePermissions.fromString("rwx------"));
        Path tree = own(Files.createDirectory(scratch.resolve("a")));
        work = own(Files.createDirectory(tree.resolve("work")));
        home = own(Files.createDirectory(tree.resolve("home")));
    }

    @AfterEach
    void remove() {
        Tool.of("chmod", "-R", "u+rwX", scratch.toString()).end();
        Tool.of("rm", "-rf", scratch.toString()).run();
    }

    private Path own(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx------"));
        }
        Files.setAttribute(path, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
        Files.setAttribute(path, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
        return path;
    }

    private Path file(Path path, String content) throws IOException {
        return own(Files.writeString(path, content));
    }

    private Debugfs made(long bytes) throws IOException {
        WorkspaceDisk.make(disk, bytes, uid, List.of(work, home));
        assertThat(Files.size(disk)).isEqualTo(bytes);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(disk)))
                .isEqualTo("rw-------");
        assertThat((int) Files.getAttribute(disk, "unix:uid")).isEqualTo((int) Rights.own());
        Debugfs inside = new Debugfs(disk);
        assertThat(inside.isSound()).isTrue();
        assertThat(inside.list("/")).containsOnlyKeys("work", "home", "lost+found");
        for (String name : List.of("/work", "/home")) {
            assertThat(inside.list("/").get(name.substring(1))).startsWith("040700 " + uid + " " + uid);
        }
        return inside;
    }

    private static Stream<Path> left(Path directory) throws IOException {
        try (var paths = Files.list(directory)) {
            return paths.toList().stream();
        }
    }

    @Test
    void anEmptyOneTakesLittleOfTheHost() throws IOException {
        Debugfs inside = made(4096 * MEBI);
        assertThat(inside.list("/work")).isEmpty();
        long kibibytes =
                Long.parseLong(Tool.of("du", "-k", disk.toString()).run().split("\\s", -1)[0]);
        assertThat(kibibytes).isLessThan(16 * 1024);
        assertThat(inside.stat("<8>")).as("the journal").contains("Size: 67108864");
        assertThat(left(disks)).containsExactly(disk);
    }

    @Test
    void whatTheDirectoriesHeldIsInItAndTheyAreEmpty() throws IOException {
        file(work.resolve("a file\nof two lines"), "strange");
        Path program = file(work.resolve("run"), "#!/bin/sh\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-x---"));
        Path locked = own(Files.createDirectory(work.resolve("locked")));
        file(locked.resolve("deep"), "deep down");
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-x------"));
        own(Files.createSymbolicLink(home.resolve("passwd"), Path.of("/etc/passwd")));
        Tool.of("mkfifo", work.resolve("fifo").toString()).run();
        own(work.resolve("fifo"));

        Debugfs inside = made(64 * MEBI);

        assertThat(inside.list("/work").get("run")).isEqualTo("100750 %d %d 10".formatted(uid, uid));
        assertThat(inside.mode("/work/fifo")).isEqualTo("010644");
        assertThat(inside.mode("/work/locked")).isEqualTo("040500");
        assertThat(inside.content("/work/locked/deep")).isEqualTo("deep down");
        assertThat(inside.stat("/home/passwd")).contains("Fast link dest: \"/etc/passwd\"");
        assertThat(work).isEmptyDirectory();
        assertThat(home).isEmptyDirectory();
        assertThat(left(disks)).containsExactly(disk);
    }

    @Test
    void allOfItIsTheTenants() throws IOException {
        assumeThat(Rights.own()).as("only root can make files of others").isZero();
        Path foreign = Files.writeString(work.resolve("foreign"), "of the server");
        Files.setPosixFilePermissions(foreign, PosixFilePermissions.fromString("rw-r--r--"));
        Debugfs inside = made(64 * MEBI);
        assertThat(inside.list("/work").get("foreign")).isEqualTo("100644 %d %d 13".formatted(uid, uid));
    }

    @Test
    void whatTheTenantCannotReadIsNotReadForIt() throws IOException {
        assumeThat(Rights.own()).as("root can read it").isZero();
        Path foreign = Files.writeString(work.resolve("foreign"), "secret of the server");
        Files.setPosixFilePermissions(foreign, PosixFilePermissions.fromString("rw-------"));
        refused(64 * MEBI, "could not be copied");
        assertThat(foreign).hasContent("secret of the server");
    }

    @Test
    void whatDoesNotFitStaysWhereItIs() throws IOException {
        byte[] large = new byte[(int) (40 * MEBI)];
        new Random(1).nextBytes(large);
        Files.write(work.resolve("large"), large);
        own(work.resolve("large"));
        refused(32 * MEBI, "microvm.disk");
        assertThat(work.resolve("large")).hasBinaryContent(large);
    }

    private void refused(long bytes, String why) throws IOException {
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> WorkspaceDisk.make(disk, bytes, uid, List.of(work, home)))
                .withMessageContaining(why);
        assertThat(left(disks)).isEmpty();
    }

    @Test
    void aFullDiskIsSaidAndLeavesNothing() throws IOException {
        assumeThat(Rights.own()).as("only root can mount a small disk").isZero();
        assumeThat(Tool.of("mount", "-t", "tmpfs", "-o", "size=24m", "none", disks.toString())
                        .end()
                        .exit())
                .as("mounting is allowed here")
                .isZero();
        try {
            byte[] large = new byte[(int) (16 * MEBI)];
            new Random(1).nextBytes(large);
            Files.write(work.resolve("large"), large);
            own(work.resolve("large"));
            refused(64 * MEBI, "disk is full");
            assertThat(work.resolve("large")).hasBinaryContent(large);
            Files.write(home.resolve("large"), large);
            own(home.resolve("large"));
            refused(64 * MEBI, "disk is full");
        } finally {
            Tool.of("umount", disks.toString()).run();
        }
    }

    @Test
    void whatComesBesideADiskIsKept() throws IOException {
        made(32 * MEBI);
        for (int i = 1; i <= 2; i++) {
            file(work.resolve("late"), "late " + i);
            Path locked = own(Files.createDirectory(home.resolve("locked")));
            Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-x------"));
            made(32 * MEBI);
            assertThat(work).isEmptyDirectory();
            assertThat(home).isEmptyDirectory();
            Path kept = disk.resolveSibling("a.ext4.kept-" + i);
            assertThat(kept.resolve("work/late")).hasContent("late " + i);
            assertThat(kept.resolve("home/locked")).isDirectory();
        }
    }

    @Test
    void whatACrashLeftIsMadeAnew() throws IOException {
        file(work.resolve("a"), "a");
        Files.writeString(disk.resolveSibling("a.ext4.new"), "half");
        Path tree = Files.createDirectory(disk.resolveSibling("a.ext4.tree"));
        Files.writeString(tree.resolve("half"), "half");
        assertThat(made(32 * MEBI).content("/work/a")).isEqualTo("a");
        assertThat(left(disks)).containsExactly(disk);
    }
}
