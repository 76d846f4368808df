package dev.cloister.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.audit.AuditVerdict;
import dev.cloister.core.audit.AuditVerifier;
import dev.cloister.core.audit.ChainedAudit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.store.Store;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Somebody who can write the database's file and drop its triggers, but has not the key. */
final class AuditTamperingTest {
    private static final byte[] KEY = "k".repeat(32).getBytes(StandardCharsets.US_ASCII);
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(1_700_000_000_000L), ZoneOffset.UTC);

    private final Path directory;
    private final Store store;

    AuditTamperingTest(@TempDir Path directory) {
        this.directory = directory;
        this.store = SqliteStore.open(file());
    }

    @BeforeEach
    void writeFive() {
        ChainedAudit audit = audit(store);
        for (int number = 1; number <= 5; number++) {
            audit.record("server", "half a pair \uD800 and a whole one \uD83D\uDE00", Map.of("é", "\uD800 " + number));
        }
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void anUntouchedLogIsIntactAlsoAfterAReopening() {
        store.close();

        try (Store reopened = SqliteStore.open(file())) {
            AuditEntry last = reopened.lastAudit().orElseThrow();
            assertThat(AuditVerifier.verify(reopened, KEY, head())).isEqualTo(new AuditVerdict.Intact(5, last.hash()));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "3 | UPDATE audit SET at = at + 1 WHERE seq = 3",
                "3 | UPDATE audit SET actor = 'operator' WHERE seq = 3",
                "3 | UPDATE audit SET action = 'x' WHERE seq = 3",
                "3 | UPDATE audit SET detail = '{}' WHERE seq = 3",
                "3 | UPDATE audit SET previous = hash WHERE seq = 3",
                "3 | UPDATE audit SET hash = previous WHERE seq = 3",
                "3 | DELETE FROM audit WHERE seq = 3",
                "5 | DELETE FROM audit WHERE seq = 5",
                "3 | DELETE FROM audit WHERE seq >= 3",
                "1 | DELETE FROM audit",
                "1 | DELETE FROM audit WHERE seq = 1",
                "5 | UPDATE audit SET seq = 6 WHERE seq = 5",
                "1 | INSERT INTO audit SELECT 0, at, actor, action, detail, previous, hash FROM audit WHERE seq = 1",
                "6 | INSERT INTO audit SELECT 6, at, actor, action, detail, hash, hash FROM audit WHERE seq = 5",
                "2 | UPDATE audit SET (at, actor, action, detail, previous, hash) = (SELECT at, actor, action, detail, previous, hash FROM audit WHERE seq = 3) WHERE seq = 2"
            })
    void everyChangeIsFoundWhereItBegins(long firstBroken, String change) throws SQLException {
        tamper(change);

        assertThat(AuditVerifier.verify(store, KEY, head()))
                .isInstanceOfSatisfying(
                        AuditVerdict.Broken.class,
                        broken -> assertThat(broken.seq()).isEqualTo(firstBroken));
    }

    @Test
    void twoExchangedEntriesAreFound() throws SQLException {
        tamper(
                "UPDATE audit SET seq = 100 WHERE seq = 2",
                "UPDATE audit SET seq = 2 WHERE seq = 3",
                "UPDATE audit SET seq = 3 WHERE seq = 100");

        assertThat(AuditVerifier.verify(store, KEY, head()))
                .isInstanceOfSatisfying(
                        AuditVerdict.Broken.class,
                        broken -> assertThat(broken.seq()).isEqualTo(2));
    }

    @Test
    void aLogThatWasCutOffIsNotContinued() throws SQLException {
        tamper("DELETE FROM audit WHERE seq = 5");

        assertThatThrownBy(() -> audit(store).record("server", "six", Map.of())).isInstanceOf(CloisterException.class);
        assertThat(store.lastAudit()).map(AuditEntry::seq).contains(4L);
    }

    @Test
    void twoUsersOfTheFileWriteOneChain() throws Exception {
        try (Store other = SqliteStore.open(file())) {
            List<ChainedAudit> writers = List.of(audit(store), audit(other));

            StoreFixture.together(StoreFixture.times(16, number -> {
                writers.get(number % 2).record("server", "test", Map.of("number", number));
                return number;
            }));

            AuditEntry last = store.lastAudit().orElseThrow();
            assertThat(AuditVerifier.verify(other, KEY, head())).isEqualTo(new AuditVerdict.Intact(21, last.hash()));
            assertThat(Files.readString(head())).startsWith("000000000000000021 " + last.hash());
        }
    }

    private ChainedAudit audit(Store user) {
        return new ChainedAudit(user, KEY, CLOCK, head());
    }

    private void tamper(String... changes) throws SQLException {
        RawDatabase.execute(
                file(),
                "DROP TRIGGER audit_is_never_changed",
                "DROP TRIGGER audit_is_never_deleted",
                "DROP TRIGGER audit_grows_only_at_its_end");
        RawDatabase.execute(file(), changes);
    }

    private Path file() {
        return directory.resolve("cloister.db");
    }

    private Path head() {
        return directory.resolve("audit.head");
    }
}
