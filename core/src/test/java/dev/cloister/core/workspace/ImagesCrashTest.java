package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Trees that move into images, and what killed servers leave: as root only. */
@EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
class ImagesCrashTest extends ImagesFixture {
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
}
