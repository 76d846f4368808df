package dev.cloister.core.egress;

import dev.cloister.core.tenant.TenantId;
import java.util.List;

/** Where tenants' credentials for hosts are kept, sealed: a part of the store, for which all holds that the store promises. */
public interface HostCredentialStore {
    /**
     * @param host with its port where that is not the usual one
     * @param value in hexadecimal digits; only who sealed it can read it
     */
    record Sealed(String host, String value, long at) {}

    /** Takes the place of one for the same host. It is forgotten with its tenant. */
    void putHostCredential(TenantId tenant, Sealed credential);

    /** In the order of the hosts. */
    List<Sealed> hostCredentials(TenantId tenant);

    /** Returns false if there is none. */
    boolean deleteHostCredential(TenantId tenant, String host);
}
