package dev.cloister.store;

import static dev.cloister.store.StoreFixture.fingerprint;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.store.Store;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SqliteStoreTest extends StoreContract {
    @TempDir
    private Path directory;

    @Override
    Store open() {
        return SqliteStore.open(file());
    }

    /** A name that would be taken for options or escapes if the driver got it as it is. */
    private Path file() {
        return directory.resolve("cloister ?#%41.db");
    }

    @Test
    void onlyTheOwnerCanReadAnyOfItsFiles() throws IOException {
        tenant(1);

        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files)
                    .hasSize(3)
                    .allSatisfy(file -> assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                            .isEqualTo("rw-------"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r-----", "rw----r--", "rwx------"})
    void aFileThatIsOpenToOthersIsRefused(String permissions) throws IOException {
        Path file = directory.resolve("open.db");
        Files.createFile(file);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));

        assertThatThrownBy(() -> SqliteStore.open(file))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("chmod 600");
    }

    @Test
    void aLinkIsRefused() throws IOException {
        Path link = Files.createSymbolicLink(directory.resolve("link.db"), file());

        assertThatThrownBy(() -> SqliteStore.open(link))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("not a regular file");
    }

    @Test
    void aMissingDirectoryIsNamed() {
        Path file = directory.resolve("missing/cloister.db");

        assertThatThrownBy(() -> SqliteStore.open(file))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("does not exist");
    }

    @Test
    void aFileThatIsNoDatabaseIsRefused() throws IOException {
        Path file = directory.resolve("garbage.db");
        Files.writeString(file, "not a database ".repeat(500));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));

        assertThatThrownBy(() -> SqliteStore.open(file))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("not a database");
    }

    @Test
    void manyUsersMayOpenANewFileAtOnce() throws Exception {
        Path file = directory.resolve("new.db");

        List<Long> uids = StoreFixture.together(StoreFixture.times(8, number -> {
            try (Store own = SqliteStore.open(file)) {
                return own.tenantOf(fingerprint(number), RANGE, 0).uid();
            }
        }));

        assertThat(uids).doesNotHaveDuplicates().hasSize(8);
    }

    @Test
    void everythingIsThereAfterAReopening() {
        SessionId session = session(tenant(1), 1).id();
        store().appendEvents(List.of(new SessionEvent(session, 1, "type", "{}", 1)), 10);
        AuditEntry entry = new AuditEntry(1, 1, "actor", "action", "{}", "p", "h");
        store().appendAudit(last -> List.of(entry));
        store().close();

        Store reopened = openAnother();

        assertThat(reopened.findTenant(fingerprint(1))).isPresent();
        assertThat(reopened.lastEvent(session)).isEqualTo(1);
        assertThat(reopened.lastAudit()).contains(entry);
        assertThat(reopened.tenantOf(fingerprint(2), RANGE, 0).uid()).isEqualTo(5_001);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "UPDATE audit SET detail = '{}'",
                "DELETE FROM audit",
                "INSERT OR REPLACE INTO audit VALUES (1, 1, 'a', 'b', 'c', 'd', 'e')",
                "INSERT INTO audit VALUES (0, 1, 'a', 'b', 'c', 'd', 'e')",
                "INSERT INTO audit VALUES (3, 1, 'a', 'b', 'c', 'd', 'e')",
                "UPDATE used_uids SET uid = 1",
                "DELETE FROM used_uids"
            })
    void theFileItselfRefusesToForget(String statement) {
        tenant(1);
        AuditEntry entry = new AuditEntry(1, 1, "actor", "action", "{}", "p", "h");
        store().appendAudit(last -> List.of(entry));

        assertThatThrownBy(() -> RawDatabase.execute(file(), statement))
                .hasMessageMatching("(?s).*(append-only|stays used).*");

        assertThat(store().audit(Long.MIN_VALUE, 10)).containsExactly(entry);
    }

    @Test
    void aFunctionGivenToTheStoreCannotChangeTheStore() {
        assertThatThrownBy(() -> store().appendAudit(last -> {
                    store().settingOrElse("name", "value");
                    throw new UnsupportedOperationException("not reached");
                }))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aFailureDoesNotTellWhatWasToBeStored() throws Exception {
        RawDatabase.execute(
                file(),
                "CREATE TRIGGER refuse BEFORE INSERT ON settings BEGIN SELECT RAISE(ABORT, 'refused by a test'); END");
        StringWriter trace = new StringWriter();

        assertThatThrownBy(() -> store().settingOrElse("name", "a-secret-value"))
                .isInstanceOf(CloisterException.class)
                .satisfies(failure -> failure.printStackTrace(new PrintWriter(trace)));

        assertThat(trace.toString()).contains("refused by a test").doesNotContain("a-secret-value");
    }
}
