package dev.cloister.core.tenant;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.upstream.Credential;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;

/** Recognises tenants by the fingerprints in the store and, where that is open, admits new ones by their token. */
public final class StoreAuthenticator implements Authenticator {
    private final TenantStore store;
    private final ServerKey key;
    private final boolean admits;
    private final UidAllocation uids;
    private final Optional<CloisterException> wallMissing;
    private final Optional<Credential> operatorCredential;
    private final Audit audit;
    private final Clock clock;

    /**
     * @param admits whether a token never seen before makes a new tenant
     * @param wallMissing why this host cannot keep a second tenant apart; empty if it can, or if the operator accepted it
     * @param operatorCredential used for every model call; empty to use each caller's own token
     */
    public StoreAuthenticator(
            TenantStore store,
            ServerKey key,
            boolean admits,
            UidAllocation uids,
            Optional<CloisterException> wallMissing,
            Optional<Credential> operatorCredential,
            Audit audit,
            Clock clock) {
        this.store = store;
        this.key = key;
        this.admits = admits;
        this.uids = uids;
        this.wallMissing = wallMissing;
        this.operatorCredential = operatorCredential;
        this.audit = audit;
        this.clock = clock;
    }

    /** Whether the configuration lets unknown tokens in. */
    public static boolean admits(CloisterConfig config) {
        return config.identity().mode() == CloisterConfig.IdentityMode.TOKEN
                && config.identity().admission() != CloisterConfig.Admission.CLOSED;
    }

    @Override
    public Principal authenticate(PresentedCredential credential) {
        Fingerprint fingerprint = key.fingerprint(credential.secret());
        Tenant tenant = store.findTenant(fingerprint).orElseGet(() -> admit(fingerprint));
        wallMissing.filter(why -> !isFirst(tenant)).ifPresent(missing -> {
            throw missing;
        });
        if (!tenant.enabled()) {
            throw new CloisterException(
                    ErrorCode.FORBIDDEN, "this tenant is suspended; ask the operator of this server");
        }
        return new Principal(tenant, operatorCredential.orElseGet(() -> passThrough(credential)));
    }

    /** The operator may have added others while the server ran. */
    private boolean isFirst(Tenant tenant) {
        return store.tenants().stream()
                .findFirst()
                .filter(first -> first.id().equals(tenant.id()))
                .isPresent();
    }

    /** One at a time, so that two first callers cannot both pass the check for a single tenant. */
    private synchronized Tenant admit(Fingerprint fingerprint) {
        // Another call may have been faster.
        Optional<Tenant> known = store.findTenant(fingerprint);
        if (known.isPresent()) {
            return known.get();
        }
        if (!admits) {
            throw new CloisterException(
                    ErrorCode.UNAUTHENTICATED, "this credential is not known; ask the operator of this server for one");
        }
        if (wallMissing.isPresent() && store.tenantCount() > 0) {
            throw wallMissing.get();
        }
        Tenant tenant = store.tenantOf(fingerprint, uids, clock.millis());
        audit.record(tenant.id().value(), "tenant.admitted", Map.of("uid", tenant.uid()));
        return tenant;
    }

    private static Credential passThrough(PresentedCredential credential) {
        return new Credential(kindOf(credential), credential.secret());
    }

    private static Credential.Kind kindOf(PresentedCredential credential) {
        if (credential.secret().startsWith("sk-ant-oat")) {
            return Credential.Kind.OAUTH;
        }
        if (credential.secret().startsWith("sk-ant-api")
                || credential.header() == PresentedCredential.Header.X_API_KEY) {
            return Credential.Kind.API_KEY;
        }
        return Credential.Kind.BEARER;
    }
}
