package dev.cloister.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.store.Store;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MigrationsTest {
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(42), ZoneOffset.UTC);
    /** The tests bring a second one of their own, whatever further ones this version has. */
    private static final List<Migration> INITIAL = Migration.all().subList(0, 1);

    private static final Migration SECOND = new Migration(
            2, "0002_second.sql", "CREATE TABLE second (id INTEGER); INSERT INTO settings VALUES ('second', 'yes');");

    private final List<Store> opened = new ArrayList<>();
    private final Path file;

    MigrationsTest(@TempDir Path directory) {
        this.file = directory.resolve("cloister.db");
    }

    @AfterEach
    void close() {
        opened.forEach(Store::close);
    }

    @Test
    void everyFileOfTheFolderIsApplied() throws IOException, URISyntaxException {
        URL folder = Objects.requireNonNull(Migration.class.getResource("/db/migration"));
        try (Stream<Path> files = Files.list(Path.of(folder.toURI()))) {
            assertThat(Migration.all())
                    .extracting(Migration::name)
                    .containsExactlyElementsOf(
                            files.map(path -> path.getFileName().toString())
                                    .sorted()
                                    .toList());
        }
        assertThat(Migration.all())
                .extracting(Migration::version)
                .isEqualTo(
                        IntStream.rangeClosed(1, Migration.all().size()).boxed().toList());
    }

    @Test
    void anOlderDatabaseIsBroughtUpAndKeepsWhatItHas() throws SQLException {
        open(INITIAL).settingOrElse("first", "kept");

        Store store = open(with(SECOND));

        assertThat(store.setting("first")).contains("kept");
        assertThat(store.setting("second")).contains("yes");
        assertThat(RawDatabase.query(file, "SELECT version || ' ' || name || ' ' || applied_at FROM schema_migrations"))
                .containsExactly("1 0001_initial.sql 42", "2 0002_second.sql 42");
        assertThat(RawDatabase.query(file, "SELECT checksum FROM schema_migrations"))
                .containsExactly(INITIAL.getFirst().checksum(), SECOND.checksum());
    }

    @Test
    void anAppliedMigrationIsNotAppliedAgain() {
        open(with(SECOND)).close();

        assertThat(open(with(SECOND)).setting("second")).contains("yes");
    }

    @Test
    void aDatabaseOfANewerVersionIsRefused() {
        open(with(SECOND)).close();

        assertRefused(INITIAL).hasMessageContaining("newer version").hasMessageContaining("schema is 2");
    }

    @Test
    void aChangedMigrationIsRefused() {
        open(with(SECOND)).close();

        assertRefused(with(new Migration(2, SECOND.name(), SECOND.sql() + " -- changed")))
                .hasMessageContaining("0002_second.sql")
                .hasMessageContaining("not the one");
    }

    @Test
    void aFailingMigrationChangesNothing() throws SQLException {
        open(INITIAL).close();
        Migration failing =
                new Migration(2, "0002_failing.sql", "CREATE TABLE second (id INTEGER); SELECT nonsense();");

        assertRefused(with(failing)).hasMessageContaining("0002_failing.sql").hasMessageContaining("unchanged");

        assertThat(RawDatabase.query(file, "SELECT name FROM sqlite_master WHERE name = 'second'"))
                .isEmpty();
        assertThat(open(with(SECOND)).setting("second")).contains("yes");
    }

    @Test
    void aDatabaseOfAnotherProgramIsRefused() throws SQLException {
        DatabaseFile.prepare(file);
        RawDatabase.execute(file, "CREATE TABLE theirs (id INTEGER)");

        assertRefused(INITIAL).hasMessageContaining("another program");
    }

    private AbstractThrowableAssert<?, ? extends Throwable> assertRefused(List<Migration> migrations) {
        return assertThatThrownBy(() -> open(migrations)).isInstanceOf(CloisterException.class);
    }

    private SqliteStore open(List<Migration> migrations) {
        SqliteStore store = SqliteStore.open(file, migrations, CLOCK);
        opened.add(store);
        return store;
    }

    private static List<Migration> with(Migration further) {
        List<Migration> migrations = new ArrayList<>(INITIAL);
        migrations.add(further);
        return migrations;
    }
}
