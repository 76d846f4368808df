package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static dev.cloister.core.workspace.Fixture.run;
import static dev.cloister.core.workspace.Fixture.tenants;
import static dev.cloister.core.workspace.Fixture.tenantsWhole;
import static dev.cloister.core.workspace.WorkspaceFilesContract.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Trees that a tenant built to lead the server astray, to block it, or to be impossible to delete. */
@Timeout(value = 300, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class HostileTreeContract {
    static final String SECRET = "the other tenant's secret";

    @TempDir
    Path temporary;

    Fixture fixture;
    Path secret;

    /** @param directory a new one of the test's */
    abstract Fixture fixture(Path directory) throws IOException;

    @BeforeEach
    void setUp() throws IOException {
        fixture = fixture(temporary);
        secret = Files.writeString(fixture.outside.resolve("secret"), SECRET);
    }

    final void nothingHappenedOutside() throws IOException {
        assertThat(secret).hasContent(SECRET);
        try (var names = Files.list(fixture.outside)) {
            assertThat(names).containsExactly(secret);
        }
        assertThat(fixture.staged()).isEmpty();
    }

    private void link(String name, Path target) throws IOException {
        tenants(Files.createSymbolicLink(fixture.work(name), target));
    }

    @Test
    void aLinkIsNeverFollowedAsTheLastComponent() throws IOException {
        link("toFile", secret);
        link("toDirectory", fixture.outside);
        link("dangling", fixture.outside.resolve("new"));
        link("loop", Path.of("loop"));
        for (String name : new String[] {"toFile", "toDirectory", "dangling", "loop"}) {
            fixture.refusals.clear();
            refused(ErrorCode.FORBIDDEN, () -> fixture.read(name));
            refused(ErrorCode.FORBIDDEN, () -> fixture.files.list(path(name), 5));
            assertThat(fixture.refusals)
                    .hasSize(2)
                    .allMatch(refusal -> refusal.guarantee() == Guarantee.FILES_OF_OTHERS_UNREADABLE);
            refused(ErrorCode.FORBIDDEN, () -> fixture.write(name, "overwritten"));
            assertThat(fixture.refusals)
                    .last()
                    .isEqualTo(new Fixture.Refusal(
                            Fixture.TENANT,
                            Guarantee.FILES_OF_OTHERS_UNWRITABLE,
                            "a symbolic link on the path of a file request"));
            assertThat(fixture.files.stat(path(name)).kind()).isEqualTo(Kind.LINK);
            fixture.files.delete(path(name));
            assertThat(fixture.work(name).toFile()).doesNotExist();
        }
        nothingHappenedOutside();
    }

    @ParameterizedTest
    @ValueSource(strings = {"link/secret", "a/link/secret", "a/link/new/file"})
    void aLinkIsNeverFollowedOnTheWay(String below) throws IOException {
        Files.createDirectories(fixture.work("a"));
        tenants(fixture.work("a"));
        link(below.startsWith("a/") ? "a/link" : "link", fixture.outside);

        refused(ErrorCode.FORBIDDEN, () -> fixture.read(below));
        refused(ErrorCode.FORBIDDEN, () -> fixture.files.stat(path(below)));
        refused(ErrorCode.FORBIDDEN, () -> fixture.files.list(path(below), 5));
        refused(ErrorCode.FORBIDDEN, () -> fixture.write(below, "overwritten"));
        refused(ErrorCode.FORBIDDEN, () -> fixture.files.delete(path(below)));
        assertThat(fixture.refusals).hasSize(5);
        nothingHappenedOutside();
    }

    @Test
    void aLinkInsideTheWorkspaceIsNotFollowedEither() throws IOException {
        fixture.write("real/file", "x");
        link("alias", Path.of("real"));
        link("etc", Path.of("/etc"));
        refused(ErrorCode.FORBIDDEN, () -> fixture.read("alias/file"));
        refused(ErrorCode.FORBIDDEN, () -> fixture.read("etc/passwd"));
    }

    @Test
    void deletingATreeDeletesTheLinksInItAndNotTheirTargets() throws IOException {
        fixture.write("tree/deep/file", "x");
        link("tree/toFile", secret);
        link("tree/deep/toDirectory", fixture.outside);
        link("tree/deep/up", Path.of("../.."));
        fixture.files.delete(path("tree"));
        assertThat(fixture.work("tree")).doesNotExist();
        nothingHappenedOutside();
    }

    @Test
    void aHardLinkToAFileOfTheTenantsOwnIsRead() throws IOException {
        fixture.write("one", "mine");
        Files.createLink(fixture.work("two"), fixture.work("one"));
        assertThat(fixture.read("two")).isEqualTo("mine");
    }

    @Test
    void aFifoDoesNotBlockAndIsNotRead() throws IOException {
        run("mkfifo", fixture.work("fifo").toString());
        tenants(fixture.work("fifo"));
        refusedWithoutBeingOpened("fifo");
    }

    @Test
    void aSocketIsNotRead() throws IOException {
        Path socket = fixture.work("socket");
        try (ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            // Bound where the path is short, as socket addresses must be.
            Path bound = Files.createTempDirectory("s").resolve("s");
            channel.bind(UnixDomainSocketAddress.of(bound));
            Files.move(bound, socket);
            Files.delete(bound.getParent());
            tenants(socket);
            refusedWithoutBeingOpened("socket");
        }
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aDeviceIsNotRead() throws IOException {
        run("mknod", fixture.work("device").toString(), "c", "1", "5");
        tenants(fixture.work("device"));
        refusedWithoutBeingOpened("device");
    }

    private void refusedWithoutBeingOpened(String name) throws IOException {
        assertThat(fixture.files.stat(path(name)).kind()).isEqualTo(Kind.OTHER);
        refused(ErrorCode.FORBIDDEN, () -> fixture.read(name));
        refused(ErrorCode.CONFLICT, () -> fixture.read(name + "/below"));
        refused(ErrorCode.CONFLICT, () -> fixture.files.list(path(name), 5));
        refused(ErrorCode.CONFLICT, () -> fixture.write(name, "x"));
        refused(ErrorCode.CONFLICT, () -> fixture.write(name + "/below", "x"));
        fixture.files.delete(path(name));
        assertThat(fixture.work(name)).doesNotExist();
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void aTreeTwentyThousandLevelsDeepIsDeletedWithFewDescriptors() throws IOException {
        fixture.write("deep/file", "x");
        buildDeep(20_000);
        int before = Fixture.openDescriptors();
        fixture.files.delete(path("deep"));
        assertThat(fixture.work("deep")).doesNotExist();
        assertThat(fixture.staged()).isEmpty();
        assertThat(Fixture.openDescriptors()).isLessThan(before + 20);
    }

    /** Deeper than any path can name: each level is renamed into a new one above it. */
    private void buildDeep(int levels) throws IOException {
        Path deep = fixture.work("deep");
        Path above = fixture.work("above");
        for (int i = 0; i < levels; i++) {
            Files.createDirectory(above);
            Files.move(deep, above.resolve("d"));
            Files.move(above, deep);
        }
        tenantsWhole(deep);
    }

    @Test
    void aWideTreeIsDeleted() throws IOException {
        for (int i = 0; i < 300; i++) {
            Path directory = Files.createDirectories(fixture.work("wide/" + i + "/x"));
            Files.createFile(directory.resolve("file"));
        }
        tenantsWhole(fixture.work("wide"));
        fixture.files.delete(path("wide"));
        assertThat(fixture.files.list(path(""), 5)).isEmpty();
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void directoriesThatNobodyMayEnterAreDeleted() throws IOException {
        for (String directory : new String[] {"locked/inner/innermost", "locked/inner/innermost/file"}) {
            fixture.write(directory + "/x", "x");
        }
        run("chmod", "000", fixture.work("locked/inner/innermost").toString());
        run("chmod", "000", fixture.work("locked/inner").toString());
        run("chmod", "000", fixture.work("locked").toString());
        fixture.files.delete(path("locked"));
        assertThat(fixture.files.list(path(""), 5)).isEmpty();
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void namesThatAreNoTextAreListedAndDeleted() throws IOException {
        fixture.write("names/plain", "x");
        // 0xff and 0xfe are in no valid UTF-8; a literal percent sign must not be taken for an escape.
        run(
                "sh",
                "-c",
                "cd '" + fixture.work("names")
                        + "' && mkdir -p \"$(printf 'a\\377\\376')/in\" \"$(printf '\\377%%41')\""
                        + " && touch \"$(printf '\\377%%41/f')\" \"$(printf 'new\\nline')\"");
        tenantsWhole(fixture.work("names"));
        assertThat(fixture.files.list(path("names"), 10)).hasSize(4);
        fixture.files.delete(path("names"));
        assertThat(fixture.work("names")).doesNotExist();
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void aLeaseOnAFileDoesNotBlockTheReader() throws IOException {
        fixture.write("leased", "x");
        Process holder = new ProcessBuilder(
                        "python3",
                        "-c",
                        "import fcntl,signal,sys\n"
                                + "signal.signal(signal.SIGIO, signal.SIG_IGN)\n"
                                + "f=open(sys.argv[1],'r+')\n"
                                + "fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n"
                                + "print('held', flush=True)\n"
                                + "sys.stdin.read()\n",
                        fixture.work("leased").toString())
                .redirectErrorStream(true)
                .start();
        try (var said = holder.inputReader()) {
            assertThat(said.readLine()).isEqualTo("held");
            // The kernel would let the owner keep a plain open waiting for 45 seconds.
            Assertions.assertTimeout(
                    Duration.ofSeconds(20), () -> refused(ErrorCode.CONFLICT, () -> fixture.read("leased")));
        } finally {
            holder.destroyForcibly();
        }
    }
}
