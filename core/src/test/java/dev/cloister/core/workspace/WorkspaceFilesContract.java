package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static dev.cloister.core.workspace.Fixture.stream;
import static dev.cloister.core.workspace.Fixture.tenants;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.WorkspaceFiles.Entry;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the files API does for a tenant that means well, however the server reaches its files. */
abstract class WorkspaceFilesContract {
    @TempDir
    Path temporary;

    Fixture fixture;

    /** @param directory a new one of the test's */
    abstract Fixture fixture(Path directory) throws IOException;

    @BeforeEach
    void setUp() throws IOException {
        fixture = fixture(temporary);
    }

    @Test
    void whatIsWrittenIsReadListedAndDeleted() throws IOException {
        assertThat(fixture.write("src/main/App.java", "class App {}")).isTrue();
        assertThat(fixture.read("src/main/App.java")).isEqualTo("class App {}");
        assertThat(fixture.write("src/main/App.java", "interface App {}")).isFalse();
        assertThat(fixture.read("src/main/App.java")).isEqualTo("interface App {}");

        assertThat(fixture.files.list(path("src/main"), 10)).singleElement().satisfies(entry -> {
            assertThat(entry.name()).isEqualTo("App.java");
            assertThat(entry.kind()).isEqualTo(Kind.FILE);
            assertThat(entry.size()).isEqualTo(16);
            assertThat(entry.executable()).isFalse();
        });
        assertThat(fixture.files.stat(path("src")).kind()).isEqualTo(Kind.DIRECTORY);
        assertThat(fixture.files.stat(List.of()).kind()).isEqualTo(Kind.DIRECTORY);

        fixture.files.delete(path("src"));
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.stat(path("src")));
        assertThat(fixture.work("src")).doesNotExist();
        assertThat(fixture.staged()).isEmpty();
        assertThat(fixture.refusals).isEmpty();
    }

    @Test
    void whatIsWrittenIsTheTenantsAndPrivate() throws IOException {
        fixture.write("a/b/plain", "x");
        fixture.files.write(path("a/b/run.sh"), stream("#!/bin/sh"), 100, true);

        for (String made : List.of("a", "a/b", "a/b/plain", "a/b/run.sh")) {
            assertThat(Fixture.uid(fixture.work(made))).isEqualTo(Fixture.TENANT_UID);
        }
        if (Fixture.isRoot()) {
            assertThat(Files.getAttribute(fixture.work("a/b/plain"), "unix:gid"))
                    .isEqualTo((int) Fixture.TENANT_UID);
        }
        assertThat(Fixture.mode(fixture.work("a"))).isEqualTo(0700);
        assertThat(Fixture.mode(fixture.work("a/b"))).isEqualTo(0700);
        assertThat(Fixture.mode(fixture.work("a/b/plain"))).isEqualTo(0600);
        assertThat(Fixture.mode(fixture.work("a/b/run.sh"))).isEqualTo(0700);
        assertThat(fixture.files.stat(path("a/b/run.sh")).executable()).isTrue();
    }

    @Test
    void aReaderKeepsTheFileThatItOpened() throws IOException {
        fixture.write("file", "before");
        try (WorkspaceFiles.Content content = fixture.files.read(path("file"))) {
            fixture.write("file", "after");
            assertThat(content.size()).isEqualTo(6);
            assertThat(content.bytes()).hasContent("before");
        }
        assertThat(fixture.read("file")).isEqualTo("after");
    }

    @Test
    void aFileIsCompleteOrAbsent() throws IOException {
        fixture.write("kept", "old");
        refused(ErrorCode.TOO_LARGE, () -> fixture.files.write(path("kept"), stream("longer"), 5, false));
        InputStream broken = new InputStream() {
            private int left = 100_000;

            @Override
            public int read() throws IOException {
                if (left-- <= 0) {
                    throw new IOException("the client went away");
                }
                return 'x';
            }
        };
        assertThatThrownBy(() -> fixture.files.write(path("kept"), broken, 1 << 20, false))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("went away");
        assertThat(fixture.read("kept")).isEqualTo("old");
        assertThat(fixture.files.write(path("exact"), stream("12345"), 5, false))
                .isTrue();
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void namesOutsideAsciiComeBackAsTheyWere() throws IOException {
        fixture.write("Übung/日本 😀.txt", "text");
        assertThat(fixture.read("Übung/日本 😀.txt")).isEqualTo("text");
        assertThat(fixture.files.list(path("Übung"), 5)).extracting(Entry::name).containsExactly("日本 😀.txt");
        fixture.files.delete(path("Übung"));
        assertThat(fixture.files.list(List.of(), 5)).isEmpty();
    }

    @Test
    void aListingIsSortedAndBounded() throws IOException {
        for (String name : List.of("d", "b", "e", "a", "c")) {
            tenants(Files.createFile(fixture.work(name)));
        }
        tenants(Files.createSymbolicLink(fixture.work("aa"), Path.of("/etc")));
        assertThat(fixture.files.list(List.of(), 3)).extracting(Entry::name).containsExactly("a", "aa", "b");
        assertThat(fixture.files.list(List.of(), 100)).hasSize(6);
        assertThat(fixture.files.list(List.of(), 100))
                .filteredOn(entry -> entry.kind() == Kind.LINK)
                .hasSize(1);
    }

    @Test
    void aFileIsNoDirectoryAndTheOtherWayRound() throws IOException {
        fixture.write("directory/file", "x");
        refused(ErrorCode.CONFLICT, () -> fixture.write("directory", "y"));
        refused(ErrorCode.CONFLICT, () -> fixture.write("directory/file/below", "y"));
        refused(ErrorCode.CONFLICT, () -> fixture.read("directory"));
        refused(ErrorCode.CONFLICT, () -> fixture.read("directory/file/below"));
        refused(ErrorCode.CONFLICT, () -> fixture.files.stat(path("directory/file/below")));
        refused(ErrorCode.CONFLICT, () -> fixture.files.list(path("directory/file"), 5));
        refused(ErrorCode.CONFLICT, () -> fixture.write("", "y"));
        refused(ErrorCode.CONFLICT, () -> fixture.read(""));
        assertThat(fixture.read("directory/file")).isEqualTo("x");
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void whatIsAbsentIsNotFound() {
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.stat(path("no")));
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.stat(path("no/no")));
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.list(path("no"), 5));
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.read(path("no")));
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.delete(path("no")));
        refused(ErrorCode.NOT_FOUND, () -> fixture.files.delete(path("no/no")));
        refused(ErrorCode.INVALID_REQUEST, () -> fixture.files.delete(List.of()));
    }

    static void refused(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        CloisterException.class,
                        e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code));
    }
}
