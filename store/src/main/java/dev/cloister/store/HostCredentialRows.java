package dev.cloister.store;

import dev.cloister.core.egress.HostCredentialStore.Sealed;
import dev.cloister.core.tenant.TenantId;
import java.util.List;
import org.jdbi.v3.core.Handle;

/** The table {@code host_credentials}. */
final class HostCredentialRows {
    private HostCredentialRows() {}

    static void put(Handle handle, TenantId tenant, Sealed credential) {
        TenantRows.require(handle, tenant);
        handle.createUpdate("""
                        INSERT INTO host_credentials (tenant, host, sealed, at) VALUES (:tenant, :host, :sealed, :at)
                        ON CONFLICT (tenant, host) DO UPDATE SET sealed = excluded.sealed, at = excluded.at
                        """)
                .bind("tenant", tenant.value())
                .bind("host", credential.host())
                .bind("sealed", credential.value())
                .bind("at", credential.at())
                .execute();
    }

    static List<Sealed> of(Handle handle, TenantId tenant) {
        return handle.createQuery("SELECT host, sealed, at FROM host_credentials WHERE tenant = :tenant ORDER BY host")
                .bind("tenant", tenant.value())
                .map((row, context) -> new Sealed(row.getString("host"), row.getString("sealed"), row.getLong("at")))
                .list();
    }

    static boolean delete(Handle handle, TenantId tenant, String host) {
        return handle.createUpdate("DELETE FROM host_credentials WHERE tenant = :tenant AND host = :host")
                        .bind("tenant", tenant.value())
                        .bind("host", host)
                        .execute()
                > 0;
    }
}
