package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/** Brings a database to the schema of this version, or refuses it and says why. */
final class Migrations {
    private static final String CREATE_TABLE = """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version    INTEGER NOT NULL PRIMARY KEY,
                name       TEXT    NOT NULL,
                checksum   TEXT    NOT NULL,
                applied_at INTEGER NOT NULL
            ) STRICT
            """;

    private final SqliteDatabase database;
    private final Map<Integer, Migration> known;
    private final Clock clock;

    Migrations(SqliteDatabase database, List<Migration> known, Clock clock) {
        this.database = database;
        this.known = known.stream().collect(Collectors.toMap(Migration::version, Function.identity()));
        this.clock = clock;
    }

    /** Applies what is missing, each in a transaction of its own. Several processes may do this at once. */
    void apply() {
        Set<Integer> applied = database.read(this::checkedVersions);
        known.values().stream()
                .filter(migration -> !applied.contains(migration.version()))
                .sorted((left, right) -> Integer.compare(left.version(), right.version()))
                .forEach(migration -> database.write(handle -> applyIfMissing(handle, migration)));
    }

    private boolean applyIfMissing(Handle handle, Migration migration) {
        // Asked again under the write lock: another process may have been faster.
        if (checkedVersions(handle).contains(migration.version())) {
            return false;
        }
        handle.execute(CREATE_TABLE);
        run(handle, migration);
        handle.createUpdate("""
                        INSERT INTO schema_migrations (version, name, checksum, applied_at)
                        VALUES (:version, :name, :checksum, :appliedAt)
                        """)
                .bind("version", migration.version())
                .bind("name", migration.name())
                .bind("checksum", migration.checksum())
                .bind("appliedAt", clock.millis())
                .execute();
        return true;
    }

    /** By the driver itself, which takes several statements at once and knows where a trigger ends. */
    private void run(Handle handle, Migration migration) {
        try (Statement statement = handle.getConnection().createStatement()) {
            statement.executeUpdate(migration.sql());
        } catch (SQLException failure) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the database " + database.file() + " could not be brought to " + migration.name()
                            + "; it is unchanged: go back to the version of Cloister that you had",
                    failure);
        }
    }

    private Set<Integer> checkedVersions(Handle handle) {
        if (!hasTable(handle, "schema_migrations")) {
            requireEmpty(handle);
            return Set.of();
        }
        Map<Integer, String> applied = handle.createQuery("SELECT version, checksum FROM schema_migrations")
                .map((row, context) -> Map.entry(row.getInt("version"), row.getString("checksum")))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        applied.forEach(this::check);
        return applied.keySet();
    }

    private void check(int version, String checksum) {
        Migration migration = known.get(version);
        if (migration == null) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the database " + database.file() + " was written by a newer version of Cloister: its schema is "
                            + version + " and this version knows up to " + newest()
                            + "; start that version, or restore a backup from before");
        }
        if (!migration.checksum().equals(checksum)) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the migration " + migration.name() + " is not the one that the database " + database.file()
                            + " was made with; start the version of Cloister that made it");
        }
    }

    private int newest() {
        return known.keySet().stream().mapToInt(Integer::intValue).max().orElse(0);
    }

    private static boolean hasTable(Handle handle, String name) {
        return handle.createQuery("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :name")
                        .bind("name", name)
                        .mapTo(Long.class)
                        .one()
                > 0;
    }

    private void requireEmpty(Handle handle) {
        if (handle.createQuery("SELECT count(*) FROM sqlite_master")
                        .mapTo(Long.class)
                        .one()
                > 0) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the database " + database.file() + " belongs to another program; choose another data directory");
        }
    }
}
