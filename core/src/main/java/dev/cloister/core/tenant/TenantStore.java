package dev.cloister.core.tenant;

import java.util.List;
import java.util.Optional;

/** Where tenants and the fingerprints of their credentials are kept: a part of the store, for which all holds that the store promises. */
public interface TenantStore {
    /**
     * The tenant of a fingerprint, made if there is none.
     *
     * @param uids from where a new tenant's uid is taken; a uid is never used twice, even after its tenant was deleted
     * @throws dev.cloister.core.error.CloisterException OVERLOADED if no uid is left; UNAUTHENTICATED if the fingerprint
     *     made a tenant that has dropped it since: a withdrawn credential neither opens the old tenant nor makes a new one
     */
    Tenant tenantOf(Fingerprint fingerprint, UidAllocation uids, long now);

    /** Makes a tenant by name, with a first fingerprint and a random id. CONFLICT if name or fingerprint is taken. */
    Tenant addTenant(String name, Fingerprint fingerprint, UidAllocation uids, long now);

    Optional<Tenant> findTenant(Fingerprint fingerprint);

    Optional<Tenant> tenant(TenantId id);

    /** Oldest first. */
    List<Tenant> tenants();

    long tenantCount();

    /** Adds a credential to a tenant. CONFLICT if another tenant has it. */
    void addFingerprint(TenantId tenant, Fingerprint fingerprint, long now);

    /** Forgets all credentials of a tenant but one. NOT_FOUND if it is not the tenant's: that would lock it out. */
    void keepOnlyFingerprint(TenantId tenant, Fingerprint fingerprint);

    void setTenantEnabled(TenantId tenant, boolean enabled);

    /**
     * Gives a tenant a uid of its own in the place of the one it has, which stays used; returns the tenant as it is now.
     *
     * @throws dev.cloister.core.error.CloisterException OVERLOADED if no uid is left
     */
    Tenant giveUid(TenantId tenant, UidAllocation.Range uids);

    /** Forgets a tenant with its sessions, events and credentials; its usage and audit entries stay, its uid stays used. */
    boolean deleteTenant(TenantId tenant);
}
