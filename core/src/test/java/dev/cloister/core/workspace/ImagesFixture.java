package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.run;
import static dev.cloister.core.workspace.Fixture.stream;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.tenant.TenantId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Workspaces with real images on real loop devices, and the tenants' own hands in them. */
abstract class ImagesFixture {
    static final long QUOTA = 16L << 20;
    static final TenantId A = new TenantId("a".repeat(32));
    static final TenantId B = new TenantId("b".repeat(32));
    static final long UID_A = 731_011;
    static final long UID_B = 731_012;

    @TempDir
    Path temporary;

    Path workspaces;
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

    WorkspaceRoot server(OptionalLong quota) {
        WorkspaceRoot root = new WorkspaceRoot(workspaces, 0, (tenant, guarantee, what) -> {}, quota);
        opened.add(root);
        root.prepare();
        return root;
    }

    WorkspaceRoot server(long quota) {
        return server(OptionalLong.of(quota));
    }

    Path image(TenantId tenant) {
        return workspaces.resolve("images").resolve(tenant + ".ext4");
    }

    Path beside(TenantId tenant, String end) {
        return workspaces.resolve("images").resolve(tenant + end);
    }

    List<String> mounts() throws IOException {
        String real = temporary.toRealPath().toString();
        return MountTable.parse(Files.readString(Path.of("/proc/self/mountinfo"))).stream()
                .map(mount -> mount.point().toString())
                .filter(point -> point.startsWith(real))
                .toList();
    }

    /** The files of this test that are behind a loop device. */
    List<String> loops() throws IOException {
        String real = temporary.toRealPath().toString();
        return Loops.files().stream().filter(file -> file.startsWith(real)).toList();
    }

    record Ended(int exit, String output) {}

    static Ended asTenant(long uid, String... command) throws Exception {
        List<String> all = new ArrayList<>(
                List.of("setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups", "--no-new-privs", "--"));
        all.addAll(List.of(command));
        Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }

    static Ended fill(long uid, Path file) throws Exception {
        return asTenant(uid, "dd", "if=/dev/zero", "of=" + file, "bs=64K", "count=1024");
    }

    static void write(WorkspaceRoot root, Workspace workspace, String path, String content) throws IOException {
        boolean ignored = root.files(workspace).write(List.of(path.split("/")), stream(content), 64 << 20, false);
    }

    static String read(Workspace workspace, String path) throws IOException {
        return Files.readString(workspace.work().resolve(path));
    }

    Workspace hostileTree() throws Exception {
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

    void isWhole(Workspace workspace) throws IOException {
        assertThat(read(workspace, "a/b")).isEqualTo("kept");
        assertThat(Files.isSymbolicLink(workspace.work().resolve("link"))).isTrue();
        assertThat(Files.isSameFile(
                        workspace.home().resolve("hard"), workspace.work().resolve("a/b")))
                .isTrue();
        assertThat(Fixture.mode(workspace.work().resolve("shut"))).isZero();
        assertThat(Files.size(workspace.work().resolve("sparse"))).isEqualTo(1L << 30);
        assertThat(Files.readAttributes(
                                workspace.work().resolve("fifo"), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                        .isOther())
                .isTrue();
        assertThat(temporary.resolve("open").toFile().list()).isEmpty();
        assertThat(Files.readString(temporary.resolve("outside"))).isEqualTo("secret");
    }
}
