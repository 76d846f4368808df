package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Real images on real loop devices: as root only. */
@EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
class ImagesTest extends ImagesFixture {
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
        assertThat(a.root().resolve("staging").toFile().list()).containsExactly("spare");
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
        assertThat(a.work().toFile().list()).isEmpty();
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
