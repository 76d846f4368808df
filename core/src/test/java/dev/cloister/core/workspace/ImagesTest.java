package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.run;
import static dev.cloister.core.workspace.Fixture.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Real images on real loop devices: as root only. */
@EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
class ImagesTest {
    private static final long QUOTA = 16L << 20;
    private static final TenantId A = new TenantId("a".repeat(32));
    private static final TenantId B = new TenantId("b".repeat(32));
    private static final long UID_A = 731_011;
    private static final long UID_B = 731_012;

    @TempDir
    Path temporary;

    private Path workspaces;
    private final List<WorkspaceRoot> opened = new ArrayList<>();

    @BeforeEach
    void setUp() throws IOException {
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwx--x--x"));
        workspaces = temporary.resolve("work spaces");
    }

    /** Whatever a test left, nothing stays on the host. */
    @AfterEach
    void nothingStays() throws IOException {
        opened.forEach(WorkspaceRoot::close);
        List<String> mounts = mounts();
        for (String point : mounts.reversed()) {
            run("umount", "--lazy", point);
        }
        assertThat(mounts).isEmpty();
        assertThat(loops()).isEmpty();
    }

    private WorkspaceRoot server(OptionalLong quota) {
        WorkspaceRoot root = new WorkspaceRoot(workspaces, 0, (tenant, guarantee, what) -> {}, quota);
        opened.add(root);
        root.prepare();
        return root;
    }

    private WorkspaceRoot server(long quota) {
        return server(OptionalLong.of(quota));
    }

    private Path image(TenantId tenant) {
        return workspaces.resolve("images").resolve(tenant + ".ext4");
    }

    private Path beside(TenantId tenant, String end) {
        return workspaces.resolve("images").resolve(tenant + end);
    }

    private List<String> mounts() throws IOException {
        String real = temporary.toRealPath().toString();
        return MountTable.parse(Files.readString(Path.of("/proc/self/mountinfo"))).stream()
                .map(mount -> mount.point().toString())
                .filter(point -> point.startsWith(real))
                .toList();
    }

    /** The files of this test that are behind a loop device. */
    private List<String> loops() throws IOException {
        String real = temporary.toRealPath().toString();
        return Loops.files().stream().filter(file -> file.startsWith(real)).toList();
    }

    private record Ended(int exit, String output) {}

    private static Ended asTenant(long uid, String... command) throws Exception {
        List<String> all = new ArrayList<>(
                List.of("setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups", "--no-new-privs", "--"));
        all.addAll(List.of(command));
        Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }

    private static Ended fill(long uid, Path file) throws Exception {
        return asTenant(uid, "dd", "if=/dev/zero", "of=" + file, "bs=64K", "count=1024");
    }

    private static void write(WorkspaceRoot root, Workspace workspace, String path, String content) throws IOException {
        boolean ignored = root.files(workspace).write(List.of(path.split("/")), stream(content), 64 << 20, false);
    }

    private static String read(Workspace workspace, String path) throws IOException {
        return Files.readString(workspace.work().resolve(path));
    }

    @Test
    void theTreeIsWhereItAlwaysWasAndTheTenantsAlone() throws Exception {
        WorkspaceRoot root = server(QUOTA);
        Workspace workspace = root.open(A, UID_A);
        assertThat(workspace.work()).isEqualTo(workspaces.resolve(A.value()).resolve("work"));
        for (Path directory : List.of(workspace.work(), workspace.home(), workspace.tmp())) {
            assertThat(Fixture.uid(directory)).isEqualTo(UID_A);
            assertThat(Fixture.mode(directory)).isEqualTo(0700);
        }
        assertThat(Fixture.uid(workspace.root())).isZero();
        assertThat(Fixture.mode(workspace.root())).isEqualTo(0710);
        assertThat(Files.getAttribute(workspace.root(), "unix:gid")).isEqualTo((int) UID_A);
        assertThat(Fixture.mode(image(A))).isEqualTo(0600);
        assertThat(Fixture.mode(workspaces.resolve("images"))).isEqualTo(0700);
        assertThat(Files.getFileStore(workspace.work()).getTotalSpace()).isLessThanOrEqualTo(QUOTA);

        // Even what the tenant opens to all is shut to others, by a directory that it cannot change.
        assertThat(asTenant(UID_A, "chmod", "777", workspace.root().toString()).exit())
                .isNotZero();
        write(root, workspace, "open", "x");
        run("chmod", "-R", "777", workspace.work().toString());
        assertThat(asTenant(UID_B, "cat", workspace.work() + "/open").output()).contains("Permission denied");
        assertThat(asTenant(UID_A, "cat", workspace.work() + "/open").output()).isEqualTo("x");
        for (String own : List.of("staging", "lost+found")) {
            assertThat(asTenant(UID_A, "ls", workspace.root() + "/" + own).output())
                    .contains("Permission denied");
            assertThat(asTenant(
                                    UID_A,
                                    "mv",
                                    workspace.root() + "/" + own,
                                    workspace.work().toString())
                            .exit())
                    .isNotZero();
        }
    }

    @Test
    void oneTenantsFullDiskIsNoOthers() throws Exception {
        WorkspaceRoot root = server(QUOTA);
        Workspace a = root.open(A, UID_A);
        Workspace b = root.open(B, UID_B);
        Ended full = fill(UID_A, a.work().resolve("big"));
        assertThat(full.exit()).isNotZero();
        assertThat(full.output()).contains("No space left on device");
        assertThatThrownBy(() -> write(root, a, "more", "x".repeat(1 << 20)))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED))
                .hasMessageContaining("workspace.quota");
        assertThat(asTenant(UID_B, "dd", "if=/dev/zero", "of=" + b.work() + "/f", "bs=64K", "count=16")
                        .exit())
                .isZero();
        write(root, b, "d/e", "goes on");
        assertThat(read(b, "d/e")).isEqualTo("goes on");

        root.files(a).delete(List.of("big"));
        write(root, a, "more", "x".repeat(1 << 20));
        assertThat(Files.list(a.root().resolve("staging")))
                .containsExactly(a.root().resolve("staging/spare"));
    }

    @Test
    void aDiskWithoutABlockOrAnInodeLeftCanBeEmptied() throws Exception {
        WorkspaceRoot root = server(QUOTA);
        Workspace a = root.open(A, UID_A);
        assertThat(asTenant(
                                UID_A,
                                "sh",
                                "-c",
                                "cd \"$0\" && mkdir -p d/e && echo x >d/e/f && i=0; while : >d/n$i; do i=$((i+1)); done",
                                a.work().toString())
                        .output())
                .contains("No space left");
        Ended full = fill(UID_A, a.work().resolve("d/n0"));
        assertThat(full.output()).contains("No space left");
        assertThatThrownBy(() -> write(root, a, "new", "x")).hasMessageContaining("workspace.quota");
        root.files(a).delete(List.of("d"));
        assertThat(Files.list(a.work())).isEmpty();
        write(root, a, "new/directory/file", "x");
        root.files(a).delete(List.of("new"));
        root.clearTemporary(a);
    }

    @Test
    void anOpenedTreeStaysOverRestartsAndNothingElseDoes() throws Exception {
        for (int round = 0; round < 2; round++) {
            WorkspaceRoot root = server(QUOTA);
            for (int i = 0; i < 10; i++) {
                TenantId tenant = new TenantId(String.format("%032x", i));
                Workspace workspace = root.open(tenant, UID_A + i);
                assertThat(root.open(tenant, UID_A + i)).isEqualTo(workspace);
                if (round == 0) {
                    write(root, workspace, "f", "of " + i);
                }
                assertThat(read(workspace, "f")).isEqualTo("of " + i);
            }
            assertThat(mounts()).hasSize(10);
            root.close();
            root.close();
            assertThat(mounts()).isEmpty();
            assertThat(loops()).isEmpty();
            assertThat(workspaces.toFile().list()).containsExactlyInAnyOrder("images", "staging");
            assertThatThrownBy(() -> root.open(A, UID_A)).hasMessageContaining("stopping");
        }
        for (int i = 0; i < 10; i++) {
            assertThat(server(QUOTA).delete(new TenantId(String.format("%032x", i))))
                    .isTrue();
        }
        assertThat(workspaces.resolve("images").toFile().list()).isEmpty();
    }

    private Workspace hostileTree() throws Exception {
        WorkspaceRoot plain = server(OptionalLong.empty());
        Workspace workspace = plain.open(A, UID_A);
        write(plain, workspace, "a/b", "kept");
        Path outside = Files.writeString(temporary.resolve("outside"), "secret");
        Fixture.own(Files.createDirectory(temporary.resolve("open")), UID_A);
        String script = """
                cd "$0"
                ln -s "%1$s" work/link; ln -s "%2$s" staging; ln -s "%2$s" lost+found; ln -s "%2$s" home/staging
                ln work/a/b home/hard; mkfifo work/fifo; mkdir -m 0 work/shut; truncate -s 1G work/sparse
                echo mine >beside; mkdir -p -- '-rf/x y'; echo deep >'-rf/x y/z'
                """.formatted(outside, temporary.resolve("open"));
        assertThat(asTenant(UID_A, "sh", "-euc", script, workspace.root().toString()))
                .isEqualTo(new Ended(0, ""));
        plain.close();
        return workspace;
    }

    private void isWhole(Workspace workspace) throws IOException {
        assertThat(read(workspace, "a/b")).isEqualTo("kept");
        assertThat(Files.isSymbolicLink(workspace.work().resolve("link"))).isTrue();
        assertThat(Files.isSameFile(
                        workspace.home().resolve("hard"), workspace.work().resolve("a/b")))
                .isTrue();
        assertThat(Fixture.mode(workspace.work().resolve("shut"))).isZero();
        assertThat(Files.size(workspace.work().resolve("sparse"))).isEqualTo(1L << 30);
        assertThat(Files.readAttributes(
                                workspace.work().resolve("fifo"),
                                java.nio.file.attribute.BasicFileAttributes.class,
                                LinkOption.NOFOLLOW_LINKS)
                        .isOther())
                .isTrue();
        assertThat(temporary.resolve("open").toFile().list()).isEmpty();
        assertThat(Files.readString(temporary.resolve("outside"))).isEqualTo("secret");
    }

    @Test
    void aTreeThatWasThereIsMovedWholeAndNoLinkInItFollowed() throws Exception {
        Workspace workspace = hostileTree();
        isWhole(workspace);
        assertThat(server(QUOTA).open(A, UID_A)).isEqualTo(workspace);
        isWhole(workspace);
        assertThat(Files.isSymbolicLink(workspace.root().resolve("staging"))).isFalse();
        try (var names = Files.newDirectoryStream(workspace.home(), "beside-home-*")) {
            Path beside = names.iterator().next();
            assertThat(Fixture.uid(beside)).isEqualTo(UID_A);
            assertThat(Files.readString(beside.resolve("beside"))).isEqualTo("mine\n");
            assertThat(Files.readString(beside.resolve("-rf/x y/z"))).isEqualTo("deep\n");
            assertThat(Files.isSymbolicLink(beside.resolve("staging"))).isTrue();
        }
        assertThat(workspaces.resolve("images").toFile().list()).containsExactly(A + ".ext4");
    }

    @Test
    void aTreeInWhichADirectoryIsALinkIsRefusedAndStays() throws Exception {
        WorkspaceRoot plain = server(OptionalLong.empty());
        Workspace workspace = plain.open(A, UID_A);
        Path outside = Files.createDirectory(temporary.resolve("outside"));
        Files.writeString(outside.resolve("secret"), "s");
        Files.delete(workspace.work());
        Files.createSymbolicLink(workspace.work(), outside);
        assertThatThrownBy(() -> server(QUOTA).open(A, UID_A)).hasMessageContaining("symbolic link");
        assertThat(Files.isSymbolicLink(workspace.work())).isTrue();
        assertThat(Files.exists(image(A))).isFalse();
    }

    @Test
    void aTreeThatDoesNotFitStaysAsItWas() throws Exception {
        WorkspaceRoot plain = server(OptionalLong.empty());
        Workspace workspace = plain.open(A, UID_A);
        write(plain, workspace, "big", "x".repeat(20 << 20));
        WorkspaceRoot root = server(QUOTA);
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> root.open(A, UID_A))
                    .isInstanceOfSatisfying(
                            CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED))
                    .hasMessageContaining("does not fit into workspace.quota");
            assertThat(Files.size(workspace.work().resolve("big"))).isEqualTo(20 << 20);
            assertThat(workspaces.resolve("images").toFile().list()).isEmpty();
        }
        assertThat(server(4 * QUOTA).open(A, UID_A)).isEqualTo(workspace);
        assertThat(Files.size(workspace.work().resolve("big"))).isEqualTo(20 << 20);
    }

    /** Each state in which a server can be killed while it moves a tree. */
    @Test
    void aMoveThatWasCutOffAnywhereLosesNothing() throws Exception {
        Workspace workspace = hostileTree();
        Path kept = temporary.resolve("kept");
        run("cp", "-a", workspace.root().toString(), kept.toString());

        // Killed while the half made image was mounted and filled.
        Path images = workspaces.resolve("images");
        ImageMaker.ownDirectory(images);
        ImageMaker.ownDirectory(beside(A, ".mount"));
        run("truncate", "-s", "16M", beside(A, ".new").toString());
        run("mkfs.ext4", "-qF", beside(A, ".new").toString());
        run(
                "mount",
                "-o",
                "loop",
                beside(A, ".new").toString(),
                beside(A, ".mount").toString());
        Files.writeString(beside(A, ".mount").resolve("half"), "x");
        WorkspaceRoot swept = server(QUOTA);
        assertThat(mounts()).isEmpty();
        assertThat(images.toFile().list()).isEmpty();
        isWhole(workspace);
        assertThat(swept.open(A, UID_A)).isEqualTo(workspace);
        isWhole(workspace);
        swept.close();

        // After the tree was moved aside, before the image took its name.
        Files.move(image(A), beside(A, ".new"));
        run("cp", "-a", kept.toString(), beside(A, ".before").toString());
        WorkspaceRoot putBack = server(OptionalLong.empty());
        assertThat(putBack.open(A, UID_A)).isEqualTo(workspace);
        isWhole(workspace);
        assertThat(mounts()).isEmpty();
        WorkspaceRoot again = server(QUOTA);
        assertThat(again.open(A, UID_A)).isEqualTo(workspace);
        isWhole(workspace);
        again.close();

        // After the image took its name; the mount point may be there.
        run("cp", "-a", kept.toString(), beside(A, ".before").toString());
        ImageMaker.ownDirectory(workspaces.resolve(A.value()));
        assertThat(server(QUOTA).open(A, UID_A)).isEqualTo(workspace);
        isWhole(workspace);
        assertThat(images.toFile().list()).containsExactly(A + ".ext4");
    }

    @Test
    void aTreeBesideItsImageIsRefusedAndBothStay() throws Exception {
        WorkspaceRoot root = server(QUOTA);
        Workspace workspace = root.open(A, UID_A);
        root.close();
        Files.createDirectories(workspace.work());
        Files.writeString(workspace.work().resolve("f"), "x");
        assertThatThrownBy(() -> server(QUOTA).open(A, UID_A)).hasMessageContainingAll("both", "move the other away");
        assertThat(read(workspace, "f")).isEqualTo("x");
        assertThat(image(A)).exists();
    }

    @Test
    void whatAKilledServerLeftMountedIsUnmountedOrTakenOver() throws Exception {
        WorkspaceRoot killed = server(QUOTA);
        Workspace a = killed.open(A, UID_A);
        Workspace b = killed.open(B, UID_B);
        write(killed, a, "f", "a's");
        Files.writeString(a.root().resolve("staging/half"), "x");
        Process busy =
                new ProcessBuilder("sleep", "600").directory(a.work().toFile()).start();
        try {
            WorkspaceRoot next = server(QUOTA);
            assertThat(mounts()).containsExactly(a.root().toRealPath().toString());
            assertThat(b.root()).doesNotExist();
            assertThat(next.open(A, UID_A)).isEqualTo(a);
            assertThat(next.open(B, UID_B)).isEqualTo(b);
            assertThat(read(a, "f")).isEqualTo("a's");
            assertThat(a.root().resolve("staging/half")).doesNotExist();
            write(next, a, "g/h", "goes on");
            // In use at the end too: out of the way at once, gone with its last user.
            next.close();
            assertThat(mounts()).isEmpty();
            assertThat(loops()).hasSize(1);
            assertThatThrownBy(() -> server(2 * QUOTA).open(A, UID_A)).hasMessageContaining("cannot grow");
        } finally {
            busy.destroyForcibly().waitFor();
        }
        WorkspaceRoot after = server(QUOTA);
        assertThat(read(after.open(A, UID_A), "g/h")).isEqualTo("goes on");
    }

    @Test
    void aMountOfSomebodyElseIsRefused() throws Exception {
        server(QUOTA);
        Path point = Files.createDirectory(workspaces.resolve(A.value()));
        run("mount", "-t", "tmpfs", "none", point.toString());
        try {
            assertThatThrownBy(() -> server(QUOTA).open(A, UID_A)).hasMessageContaining("did not make");
            assertThat(mounts()).hasSize(1);
        } finally {
            run("umount", point.toString());
        }
    }

    @Test
    void aQuotaGrowsAndDoesNotShrink() throws Exception {
        WorkspaceRoot small = server(QUOTA);
        Workspace workspace = small.open(A, UID_A);
        write(small, workspace, "f", "kept");
        small.close();
        WorkspaceRoot large = server(4 * QUOTA);
        large.open(A, UID_A);
        assertThat(Files.getFileStore(workspace.work()).getTotalSpace()).isGreaterThan(2 * QUOTA);
        assertThat(read(workspace, "f")).isEqualTo("kept");
        write(large, workspace, "large", "x".repeat(32 << 20));
        large.close();

        assertThatThrownBy(() -> server(QUOTA))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.ISOLATION_FAILED))
                .hasMessageContainingAll(image(A).toString(), "resize2fs", 4 * QUOTA + "B");
        WorkspaceRoot none = server(OptionalLong.empty());
        assertThat(read(none.open(A, UID_A), "f")).isEqualTo("kept");
        assertThat(Files.exists(image(B))).isFalse();
        none.open(B, UID_B);
        assertThat(Files.exists(image(B))).isFalse();
        none.close();

        // Killed between the file's growth and the file system's.
        run("truncate", "-s", Long.toString(6 * QUOTA), image(A).toString());
        Files.createFile(beside(A, ".growing"));
        server(6 * QUOTA).open(A, UID_A);
        assertThat(Files.getFileStore(workspace.work()).getTotalSpace()).isGreaterThan(4 * QUOTA);
        assertThat(beside(A, ".growing")).doesNotExist();
    }

    @Test
    void aRemovedTenantsImageGoesEvenWhileAnotherProcessHasItMounted() throws Exception {
        WorkspaceRoot serving = server(QUOTA);
        Workspace workspace = serving.open(A, UID_A);
        Process busy = new ProcessBuilder("sleep", "600")
                .directory(workspace.work().toFile())
                .start();
        try {
            WorkspaceRoot command = new WorkspaceRoot(workspaces, 0, (tenant, guarantee, what) -> {});
            assertThat(command.delete(A)).isTrue();
            assertThat(command.delete(A)).isFalse();
            assertThat(image(A)).doesNotExist();
            assertThat(workspace.root()).doesNotExist();
            assertThatThrownBy(() -> serving.files(workspace).list(List.of(), 5))
                    .isInstanceOfSatisfying(
                            CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT));
            assertThat(workspace.root()).doesNotExist();
        } finally {
            busy.destroyForcibly().waitFor();
        }
    }

    @Test
    void aMissingProgramAndAnOrdinaryUserAreNamedWithTheRemedy() {
        assertThatThrownBy(() ->
                        new WorkspaceRoot(workspaces, 4242, (tenant, guarantee, what) -> {}, OptionalLong.of(QUOTA)))
                .hasMessageContainingAll("workspace.quota", "run the server as root", "none");
        assertThatThrownBy(() -> DiskTools.program("mkfs.nothing")).hasMessageContaining("apt-get install");
    }
}
