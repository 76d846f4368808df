package dev.cloister.store;

import dev.cloister.core.audit.AuditEntry;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.jdbi.v3.core.statement.StatementContext;

/** The table {@code audit}, to which triggers let nothing happen but that it grows. */
final class AuditRows {
    private AuditRows() {}

    static List<AuditEntry> append(Handle handle, Function<Optional<AuditEntry>, List<AuditEntry>> next) {
        Optional<AuditEntry> last = last(handle);
        List<AuditEntry> entries = next.apply(last);
        long expected = last.map(AuditEntry::seq).orElse(0L);
        try (PreparedBatch batch = handle.prepareBatch("""
                        INSERT INTO audit (seq, at, actor, action, detail, previous, hash)
                        VALUES (:seq, :at, :actor, :action, :detail, :previous, :hash)
                        """)) {
            for (AuditEntry entry : entries) {
                if (entry.seq() != ++expected) {
                    throw new IllegalArgumentException(
                            "audit entry " + entry.seq() + " is not the expected " + expected);
                }
                batch.bind("seq", entry.seq())
                        .bind("at", entry.at())
                        .bind("actor", entry.actor())
                        .bind("action", entry.action())
                        .bind("detail", entry.detail())
                        .bind("previous", entry.previous())
                        .bind("hash", entry.hash())
                        .add();
            }
            batch.execute();
        }
        return entries;
    }

    static List<AuditEntry> page(Handle handle, long after, int limit) {
        return handle.createQuery("SELECT * FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit")
                .bind("after", after)
                .bind("limit", limit)
                .map(AuditRows::map)
                .list();
    }

    static Optional<AuditEntry> last(Handle handle) {
        return handle.createQuery("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
                .map(AuditRows::map)
                .findOne();
    }

    private static AuditEntry map(ResultSet row, StatementContext context) throws SQLException {
        return new AuditEntry(
                row.getLong("seq"),
                row.getLong("at"),
                row.getString("actor"),
                row.getString("action"),
                row.getString("detail"),
                row.getString("previous"),
                row.getString("hash"));
    }
}
