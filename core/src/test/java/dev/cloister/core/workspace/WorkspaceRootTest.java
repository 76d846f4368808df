package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.SERVER_UID;
import static dev.cloister.core.workspace.Fixture.TENANT;
import static dev.cloister.core.workspace.Fixture.TENANT_UID;
import static dev.cloister.core.workspace.Fixture.run;
import static dev.cloister.core.workspace.Fixture.tenants;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WorkspaceRootTest {
    private static final TenantId OTHER = new TenantId("f".repeat(32));

    @TempDir
    Path temporary;

    private Fixture fixture;

    @BeforeEach
    void setUp() throws IOException {
        fixture = new Fixture(temporary);
    }

    private Path directory(String name) {
        return name.equals(".")
                ? fixture.workspace.root()
                : fixture.workspace.root().resolve(name);
    }

    private static void failsClosed(ThrowingCallable call, String... words) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.ISOLATION_FAILED))
                .hasMessageContainingAll(words);
    }

    @Test
    void thePlaceIsMadeWithTheRightModes() throws IOException {
        assertThat(Fixture.mode(fixture.workspaces)).isEqualTo(Fixture.isRoot() ? 0711 : 0700);
        assertThat(Fixture.mode(fixture.workspaces.resolve("staging"))).isEqualTo(0700);
        assertThat(Fixture.uid(fixture.workspaces)).isEqualTo(SERVER_UID);
        Path nested = temporary.resolve("a/b");
        fixture.root(nested.resolve("workspaces")).prepare();
        assertThat(Fixture.mode(nested)).isEqualTo(Fixture.isRoot() ? 0711 : 0700);
    }

    @Test
    void aTreeIsTheTenantsAndPrivate() throws IOException {
        for (String name : List.of(".", "work", "home", "tmp")) {
            assertThat(Fixture.mode(directory(name))).isEqualTo(0700);
            assertThat(Fixture.uid(directory(name))).isEqualTo(TENANT_UID);
            assertThat(Files.getAttribute(directory(name), "unix:gid"))
                    .isEqualTo(
                            Fixture.isRoot()
                                    ? (Object) (int) TENANT_UID
                                    : Files.getAttribute(fixture.workspaces, "unix:gid"));
        }
        assertThat(fixture.staged()).isEmpty();
        assertThat(fixture.root.open(TENANT, TENANT_UID)).isEqualTo(fixture.workspace);
        assertThat(fixture.refusals).isEmpty();
    }

    @Test
    void preparingAgainKeepsTreesAndSweepsWhatACrashLeft() throws IOException {
        fixture.write("kept", "x");
        Path leftover = Files.createDirectories(fixture.workspaces.resolve("staging/0/deep"));
        Files.createFile(leftover.resolve("file"));
        Files.createSymbolicLink(fixture.workspaces.resolve("staging/link"), fixture.outside);
        run("chmod", "000", leftover.toString());
        Files.createFile(fixture.outside.resolve("untouched"));

        WorkspaceRoot again = fixture.root(fixture.workspaces);
        again.prepare();
        assertThat(fixture.staged()).isEmpty();
        assertThat(fixture.outside.resolve("untouched")).exists();
        Workspace workspace = again.open(TENANT, TENANT_UID);
        assertThat(again.files(workspace).list(List.of(), 5)).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"., 0755", "., 0711", "work, 0755", "home, 0770", "tmp, 1777", "work, 2700", "work, 0600", "., 0500"})
    void aWrongModeIsRefusedAndReported(String name, String mode) throws IOException {
        run("chmod", mode, directory(name).toString());
        failsClosed(
                () -> fixture.root.open(TENANT, TENANT_UID),
                directory(name).toString(),
                mode + " instead of 0700",
                "chmod 00700");
        assertThat(fixture.refusals)
                .singleElement()
                .isEqualTo(new Fixture.Refusal(
                        TENANT, Guarantee.FILES_OF_OTHERS_UNREADABLE, "has mode " + mode + " instead of 0700"));
        run("chmod", "00700", directory(name).toString());
        assertThat(fixture.root.open(TENANT, TENANT_UID)).isEqualTo(fixture.workspace);
    }

    @ParameterizedTest
    @ValueSource(strings = {".", "work", "home", "tmp"})
    void aLinkIsRefusedAndReported(String name) throws IOException {
        Path moved = Files.move(directory(name), temporary.resolve("moved"));
        tenants(Files.createSymbolicLink(directory(name), moved));
        failsClosed(() -> fixture.root.open(TENANT, TENANT_UID), directory(name).toString(), "symbolic link", "rm ");
        assertThat(fixture.refusals).hasSize(1);
        if (!name.equals("home") && !name.equals("tmp")) {
            failsClosed(() -> fixture.write("file", "x"), "symbolic link");
            failsClosed(() -> fixture.files.list(List.of(), 5), "symbolic link");
        }
        try (var names = Files.list(name.equals(".") ? moved.resolve("work") : moved)) {
            assertThat(names).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {".", "work", "home", "tmp"})
    void aFileInADirectorysPlaceIsRefusedAndReported(String name) throws IOException {
        Files.move(directory(name), temporary.resolve("moved"));
        tenants(Files.createFile(directory(name)));
        failsClosed(() -> fixture.root.open(TENANT, TENANT_UID), "is not a directory");
        assertThat(fixture.refusals).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {".", "work", "home", "tmp"})
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void anotherOwnerIsRefusedAndReported(String name) throws IOException {
        Fixture.own(directory(name), TENANT_UID + 1);
        failsClosed(
                () -> fixture.root.open(TENANT, TENANT_UID),
                "belongs to uid " + (TENANT_UID + 1) + " instead of " + TENANT_UID,
                "chown -h");
        assertThat(fixture.refusals).hasSize(1);
    }

    @Test
    void anOrdinaryUserCannotGiveATenantAnotherUid() {
        WorkspaceRoot ordinary = new WorkspaceRoot(fixture.workspaces, 4242, (tenant, guarantee, what) -> {});
        failsClosed(() -> ordinary.open(OTHER, 4243), "run it as root");
    }

    @Test
    void whatTheTenantRemovedIsMadeAgain() throws IOException {
        for (String name : List.of("work", "home", "tmp")) {
            Files.delete(directory(name));
        }
        fixture.root.open(TENANT, TENANT_UID);
        aTreeIsTheTenantsAndPrivate();
        Files.delete(directory("work"));
        assertThat(fixture.write("file", "x")).isTrue();
        aTreeIsTheTenantsAndPrivate();
    }

    @Test
    void tenThreadsOpenOneTree() throws Exception {
        List<Future<Workspace>> opened = new ArrayList<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Callable<Workspace> open = () -> fixture.root.open(OTHER, TENANT_UID);
            for (int i = 0; i < 10; i++) {
                opened.add(threads.submit(open));
            }
        }
        for (Future<Workspace> future : opened) {
            assertThat(future.get().tenant()).isEqualTo(OTHER);
        }
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void aDeletedTreeIsGoneWhateverIsInIt() throws IOException {
        fixture.write("a/b/c", "x");
        Path kept = Files.createFile(fixture.outside.resolve("kept"));
        tenants(Files.createSymbolicLink(fixture.work("link"), fixture.outside));
        run("chmod", "000", fixture.work("a/b").toString());
        run("chmod", "000", fixture.workspace.work().toString());
        fixture.root.open(OTHER, TENANT_UID);

        assertThat(fixture.root.delete(TENANT)).isTrue();
        assertThat(fixture.workspace.root()).doesNotExist();
        assertThat(kept).exists();
        assertThat(fixture.staged()).isEmpty();
        assertThat(fixture.root.delete(TENANT)).isFalse();
        assertThat(fixture.workspaces.resolve(OTHER.value())).exists();
    }

    @Test
    void aWrongPlaceFailsClosedAndSaysWhatToDo() throws IOException {
        run("chmod", "0755", fixture.workspaces.toString());
        failsClosed(() -> fixture.root.prepare(), fixture.workspaces.toString(), "0755", "chmod 007");
        run("chmod", Fixture.isRoot() ? "0711" : "0700", fixture.workspaces.toString());

        run("chmod", "0750", fixture.workspaces.resolve("staging").toString());
        failsClosed(() -> fixture.root.prepare(), "staging", "chmod 00700");
        run("chmod", "0700", fixture.workspaces.resolve("staging").toString());

        Path link = Files.createSymbolicLink(temporary.resolve("link"), fixture.workspaces);
        failsClosed(() -> fixture.root(link).prepare(), link.toString(), "symbolic link");
        Path file = Files.createFile(temporary.resolve("file"));
        failsClosed(() -> fixture.root(file).prepare(), file.toString(), "not a directory");
        fixture.root.prepare();
    }

    @Test
    void aDirectoryAboveThatOthersCanWriteFailsClosed() throws IOException {
        run("chmod", "0777", temporary.toString());
        failsClosed(() -> fixture.root.prepare(), temporary.toString(), "written by others", "chmod go-w");
        run("chmod", "1777", temporary.toString());
        fixture.root.prepare();
    }

    @Test
    void aDirectoryAboveThatTenantsCannotEnterFailsClosedWhereTheyHaveTheirOwnUids() throws IOException {
        run("chmod", "0700", temporary.toString());
        if (Fixture.isRoot()) {
            failsClosed(() -> fixture.root.prepare(), temporary.toString(), "entered by tenants", "chmod o+x");
        } else {
            fixture.root.prepare();
        }
    }

    @Test
    void aPathThroughALinkIsCheckedOnBothWays() throws IOException {
        Path open = Files.createDirectory(temporary.resolve("open"));
        Path real = Files.createDirectory(temporary.resolve("real"));
        run("chmod", "0711", real.toString());
        Path through = Files.createSymbolicLink(open.resolve("link"), real).resolve("workspaces");
        run("chmod", "0711", open.toString());
        fixture.root(through).prepare();
        run("chmod", "0777", open.toString());
        failsClosed(() -> fixture.root(through).prepare(), open.toString(), "written by others");
        run("chmod", "0711", open.toString());
        run("chmod", "0777", real.toString());
        failsClosed(() -> fixture.root(through).prepare(), through.getParent() + " can be written by others");
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aPlaceOfAnotherOwnerFailsClosed() throws IOException {
        Fixture.own(fixture.workspaces, TENANT_UID);
        failsClosed(() -> fixture.root.prepare(), "belongs to uid " + TENANT_UID, "chown 0 ");
        Fixture.own(fixture.workspaces, 0);
        Fixture.own(temporary, TENANT_UID);
        failsClosed(() -> fixture.root.prepare(), temporary.toString(), "replace everything below");
    }

    private Path disk() throws IOException {
        Path disk = Files.writeString(directory("disk"), "a file system");
        run("chmod", "0600", disk.toString());
        return tenants(disk);
    }

    @Test
    void filesInADiskAreServedOnlyWhereTheModeKeepsThem() throws IOException {
        WorkspaceRoot keeping = fixture.keptInDisks(fixture.workspaces);
        assertThat(keeping.open(TENANT, TENANT_UID)).isEqualTo(fixture.workspace);
        Path disk = disk();
        assertThat(keeping.open(TENANT, TENANT_UID)).isEqualTo(fixture.workspace);
        assertThat(keeping.elsewhere(TENANT)).isEmpty();
        assertThat(keeping.fault(TENANT, TENANT_UID)).isEmpty();

        failsClosed(
                () -> fixture.root.open(TENANT, TENANT_UID),
                disk.toString(),
                "--isolation microvm",
                "GET /v1/files?format=tar");
        assertThat(fixture.root.elsewhere(TENANT)).isPresent();
        assertThat(fixture.root.fault(TENANT, TENANT_UID)).isEmpty();
        assertThat(fixture.root.elsewhere(OTHER)).isEmpty();
        assertThat(fixture.refusals).isEmpty();
        assertThat(disk).hasContent("a file system");

        assertThat(fixture.root.delete(TENANT)).isTrue();
        assertThat(disk).doesNotExist();
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void aDiskThatIsNotTheTenantsOwnFileIsRefusedAndReported() throws IOException {
        WorkspaceRoot keeping = fixture.keptInDisks(fixture.workspaces);
        Path disk = disk();
        run("chmod", "0640", disk.toString());
        failsClosed(() -> keeping.open(TENANT, TENANT_UID), disk.toString(), "0640 instead of 0600", "chmod 00600");
        assertThat(keeping.fault(TENANT, TENANT_UID)).contains("disk has mode 0640 instead of 0600");
        Files.delete(disk);
        tenants(Files.createSymbolicLink(disk, fixture.outside));
        failsClosed(() -> keeping.open(TENANT, TENANT_UID), "symbolic link");
        Files.delete(disk);
        run("mkfifo", "-m", "0600", disk.toString());
        tenants(disk);
        failsClosed(() -> keeping.open(TENANT, TENANT_UID), "not a regular file");
        assertThat(fixture.refusals).hasSize(3);
        Files.delete(disk);
        assertThat(keeping.open(TENANT, TENANT_UID)).isEqualTo(fixture.workspace);
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aDiskOfAnotherOwnerIsRefused() throws IOException {
        WorkspaceRoot keeping = fixture.keptInDisks(fixture.workspaces);
        Fixture.own(disk(), TENANT_UID + 1);
        failsClosed(() -> keeping.open(TENANT, TENANT_UID), "belongs to uid " + (TENANT_UID + 1));
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void filesInAnImageOfAQuotaAreNotTakenForNone() throws IOException {
        WorkspaceRoot keeping = fixture.keptInDisks(fixture.workspaces);
        Files.createDirectory(fixture.workspaces.resolve("images"));
        Path image = Files.createFile(fixture.workspaces.resolve("images").resolve(OTHER + ".ext4"));
        failsClosed(() -> keeping.open(OTHER, TENANT_UID), image.toString(), "mode that it had", "format=tar");
        assertThat(keeping.elsewhere(OTHER)).isPresent();
        assertThat(fixture.workspaces.resolve(OTHER.value())).doesNotExist();
        assertThat(keeping.elsewhere(TENANT)).isEmpty();
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aTreeWithADiskIsNotMovedIntoAnImage() throws IOException {
        Path disk = disk();
        WorkspaceRoot withQuota = new WorkspaceRoot(
                fixture.workspaces, SERVER_UID, (tenant, guarantee, what) -> {}, OptionalLong.of(64 << 20));
        failsClosed(() -> withQuota.open(TENANT, TENANT_UID), "--isolation microvm");
        assertThat(disk).hasContent("a file system");
        assertThat(fixture.workspaces.resolve("images").resolve(TENANT + ".ext4"))
                .doesNotExist();
    }
}
