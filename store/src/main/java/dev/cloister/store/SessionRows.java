package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.StatementContext;
import org.jdbi.v3.core.statement.Update;

/** The table {@code sessions}. */
final class SessionRows {
    private SessionRows() {}

    static void insert(Handle handle, Session session) {
        TenantRows.require(handle, session.tenant());
        Update insert = handle.createUpdate("""
                INSERT INTO sessions (
                    id, tenant, title, model, system, forked_from, started, turns, created_at, updated_at)
                VALUES (:id, :tenant, :title, :model, :system, :forkedFrom, :started, :turns, :createdAt, :updatedAt)
                ON CONFLICT DO NOTHING
                """);
        if (bind(insert, session).execute() == 0) {
            throw new CloisterException(
                    ErrorCode.CONFLICT,
                    "a session with this id exists already; leave session_id out to start a new one");
        }
    }

    static Optional<Session> find(Handle handle, TenantId tenant, SessionId id) {
        return handle.createQuery("SELECT * FROM sessions WHERE id = :id AND tenant = :tenant")
                .bind("id", id.toString())
                .bind("tenant", tenant.value())
                .map(SessionRows::map)
                .findOne();
    }

    static List<Session> page(Handle handle, TenantId tenant, Optional<SessionId> after, int limit) {
        if (after.isEmpty()) {
            return handle.createQuery("""
                            SELECT * FROM sessions WHERE tenant = :tenant
                            ORDER BY created_at DESC, id DESC LIMIT :limit
                            """)
                    .bind("tenant", tenant.value())
                    .bind("limit", limit)
                    .map(SessionRows::map)
                    .list();
        }
        Session cursor = find(handle, tenant, after.get())
                .orElseThrow(
                        () -> CloisterException.notFound("no such session to continue behind; list from the start"));
        return handle.createQuery("""
                        SELECT * FROM sessions
                        WHERE tenant = :tenant AND (created_at, id) < (:createdAt, :id)
                        ORDER BY created_at DESC, id DESC LIMIT :limit
                        """)
                .bind("tenant", tenant.value())
                .bind("createdAt", cursor.createdAt())
                .bind("id", cursor.id().toString())
                .bind("limit", limit)
                .map(SessionRows::map)
                .list();
    }

    static Optional<Session> update(Handle handle, TenantId tenant, SessionId id, UnaryOperator<Session> change) {
        Optional<Session> changed = find(handle, tenant, id).map(change);
        changed.ifPresent(session -> {
            if (!session.id().equals(id) || !session.tenant().equals(tenant)) {
                throw new IllegalArgumentException("a session's id and tenant cannot be changed");
            }
            Update update = handle.createUpdate("""
                    UPDATE sessions SET title = :title, model = :model, system = :system, forked_from = :forkedFrom,
                        started = :started, turns = :turns, created_at = :createdAt, updated_at = :updatedAt
                    WHERE id = :id AND tenant = :tenant
                    """);
            bind(update, session).execute();
        });
        return changed;
    }

    static boolean delete(Handle handle, TenantId tenant, SessionId id) {
        return handle.createUpdate("DELETE FROM sessions WHERE id = :id AND tenant = :tenant")
                        .bind("id", id.toString())
                        .bind("tenant", tenant.value())
                        .execute()
                > 0;
    }

    static boolean exists(Handle handle, SessionId id) {
        return handle.createQuery("SELECT count(*) FROM sessions WHERE id = :id")
                        .bind("id", id.toString())
                        .mapTo(Long.class)
                        .one()
                > 0;
    }

    private static Update bind(Update statement, Session session) {
        return statement
                .bind("id", session.id().toString())
                .bind("tenant", session.tenant().value())
                .bind("title", session.title())
                .bind("model", session.model())
                .bind("system", session.system())
                .bind(
                        "forkedFrom",
                        session.forkedFrom().map(SessionId::toString).orElse(null))
                .bind("started", session.started())
                .bind("turns", session.turns())
                .bind("createdAt", session.createdAt())
                .bind("updatedAt", session.updatedAt());
    }

    private static Session map(ResultSet row, StatementContext context) throws SQLException {
        return new Session(
                idOf(row.getString("id")),
                new TenantId(row.getString("tenant")),
                row.getString("title"),
                row.getString("model"),
                row.getString("system"),
                Optional.ofNullable(row.getString("forked_from")).map(SessionRows::idOf),
                row.getBoolean("started"),
                row.getLong("turns"),
                row.getLong("created_at"),
                row.getLong("updated_at"));
    }

    private static SessionId idOf(String text) {
        return new SessionId(UUID.fromString(text));
    }
}
