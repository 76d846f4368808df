package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.StatementContext;

/** The tables {@code tenants} and {@code fingerprints}. */
final class TenantRows {
    private TenantRows() {}

    static Optional<Tenant> find(Handle handle, TenantId id) {
        return handle.createQuery("SELECT * FROM tenants WHERE id = :id")
                .bind("id", id.value())
                .map(TenantRows::map)
                .findOne();
    }

    static Optional<Tenant> find(Handle handle, Fingerprint fingerprint) {
        return handle.createQuery("""
                        SELECT tenants.* FROM fingerprints JOIN tenants ON tenants.id = fingerprints.tenant
                        WHERE fingerprint = :fingerprint
                        """)
                .bind("fingerprint", fingerprint.value())
                .map(TenantRows::map)
                .findOne();
    }

    static List<Tenant> all(Handle handle) {
        return handle.createQuery("SELECT * FROM tenants ORDER BY created_at, id")
                .map(TenantRows::map)
                .list();
    }

    static long count(Handle handle) {
        return handle.createQuery("SELECT count(*) FROM tenants")
                .mapTo(Long.class)
                .one();
    }

    static Tenant admit(Handle handle, Fingerprint fingerprint, UidAllocation uids, long now) {
        return find(handle, fingerprint).orElseGet(() -> {
            TenantId id = new TenantId(fingerprint.value());
            if (find(handle, id).isPresent()) {
                throw new CloisterException(
                        ErrorCode.UNAUTHENTICATED, "this credential was withdrawn; use the one that replaced it");
            }
            return insert(handle, id, "", fingerprint, uids, now);
        });
    }

    static Tenant add(Handle handle, TenantId id, String name, Fingerprint fingerprint, UidAllocation uids, long now) {
        if (name.isBlank()) {
            throw CloisterException.invalid("a tenant needs a name that is not blank");
        }
        long namesakes = handle.createQuery("SELECT count(*) FROM tenants WHERE name = :name")
                .bind("name", name)
                .mapTo(Long.class)
                .one();
        if (namesakes > 0) {
            throw conflict("a tenant of this name exists already; choose another name");
        }
        if (find(handle, fingerprint).isPresent()) {
            throw conflict("this credential belongs to another tenant; use another one");
        }
        return insert(handle, id, name, fingerprint, uids, now);
    }

    static void addFingerprint(Handle handle, TenantId tenant, Fingerprint fingerprint, long now) {
        require(handle, tenant);
        Optional<Tenant> owner = find(handle, fingerprint);
        if (owner.isEmpty()) {
            insertFingerprint(handle, tenant, fingerprint, now);
        } else if (!owner.get().id().equals(tenant)) {
            throw conflict("this credential belongs to another tenant; use another one");
        }
    }

    static void keepOnlyFingerprint(Handle handle, TenantId tenant, Fingerprint fingerprint) {
        require(handle, tenant);
        if (find(handle, fingerprint).filter(owner -> owner.id().equals(tenant)).isEmpty()) {
            throw CloisterException.notFound("the tenant has no such credential; add it before the others are dropped");
        }
        handle.createUpdate("DELETE FROM fingerprints WHERE tenant = :tenant AND fingerprint <> :fingerprint")
                .bind("tenant", tenant.value())
                .bind("fingerprint", fingerprint.value())
                .execute();
    }

    static void setEnabled(Handle handle, TenantId tenant, boolean enabled) {
        require(handle, tenant);
        handle.createUpdate("UPDATE tenants SET enabled = :enabled WHERE id = :id")
                .bind("id", tenant.value())
                .bind("enabled", enabled)
                .execute();
    }

    static Tenant giveUid(Handle handle, TenantId tenant, UidAllocation.Range uids) {
        require(handle, tenant);
        handle.createUpdate("UPDATE tenants SET uid = :uid WHERE id = :id")
                .bind("id", tenant.value())
                .bind("uid", UidRows.take(handle, uids))
                .execute();
        return find(handle, tenant).orElseThrow();
    }

    static boolean delete(Handle handle, TenantId tenant) {
        return handle.createUpdate("DELETE FROM tenants WHERE id = :id")
                        .bind("id", tenant.value())
                        .execute()
                > 0;
    }

    static void require(Handle handle, TenantId id) {
        if (find(handle, id).isEmpty()) {
            throw CloisterException.notFound("no tenant has the id " + id + "; list the tenants");
        }
    }

    private static Tenant insert(
            Handle handle, TenantId id, String name, Fingerprint fingerprint, UidAllocation uids, long now) {
        Tenant tenant = new Tenant(id, name, UidRows.take(handle, uids), true, now);
        handle.createUpdate("""
                        INSERT INTO tenants (id, name, uid, enabled, created_at)
                        VALUES (:id, :name, :uid, :enabled, :createdAt)
                        """)
                .bind("id", id.value())
                .bind("name", name)
                .bind("uid", tenant.uid())
                .bind("enabled", tenant.enabled())
                .bind("createdAt", now)
                .execute();
        insertFingerprint(handle, id, fingerprint, now);
        return tenant;
    }

    private static void insertFingerprint(Handle handle, TenantId tenant, Fingerprint fingerprint, long now) {
        handle.createUpdate("""
                        INSERT INTO fingerprints (fingerprint, tenant, created_at)
                        VALUES (:fingerprint, :tenant, :createdAt)
                        """)
                .bind("fingerprint", fingerprint.value())
                .bind("tenant", tenant.value())
                .bind("createdAt", now)
                .execute();
    }

    private static Tenant map(ResultSet row, StatementContext context) throws SQLException {
        return new Tenant(
                new TenantId(row.getString("id")),
                row.getString("name"),
                row.getLong("uid"),
                row.getBoolean("enabled"),
                row.getLong("created_at"));
    }

    private static CloisterException conflict(String message) {
        return new CloisterException(ErrorCode.CONFLICT, message);
    }
}
