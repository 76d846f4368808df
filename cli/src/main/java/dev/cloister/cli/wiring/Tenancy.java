package dev.cloister.cli.wiring;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.ServerKey;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.workspace.WorkspaceRoot;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** What the operator may do with tenants, each act audited. */
public final class Tenancy implements AutoCloseable {
    private static final int KEY_BYTES = 32;

    /** A tenant with its key, which nobody can find out afterwards. */
    public record Issued(Tenant tenant, String key) {}

    private final CloisterConfig config;
    private final Store store;
    private final ServerKey key;
    private final Audit audit;
    private final Clock clock;

    private Tenancy(CloisterConfig config, Store store, ServerKey key, Audit audit, Clock clock) {
        this.config = config;
        this.store = store;
        this.key = key;
        this.audit = audit;
        this.clock = clock;
    }

    public static Tenancy open(CloisterConfig config) {
        DataDirectory data = DataDirectory.open(config.paths().data());
        Clock clock = Clock.systemUTC();
        Store store = data.store();
        return new Tenancy(config, store, data.identityKey(), data.audit(store, clock), clock);
    }

    public Issued add(String name) {
        String secret = newKey();
        UidRanges uids = Uids.of(config, store);
        long serverUid = HostFacts.uid();
        UidAllocation allocation = serverUid == 0
                ? new UidAllocation.Range(uids.firstTenant(), uids.last())
                : new UidAllocation.Shared(serverUid);
        Tenant tenant = store.addTenant(name, key.fingerprint(secret), allocation, clock.millis());
        record("tenant.added", tenant.id());
        return new Issued(tenant, secret);
    }

    public List<Tenant> list() {
        return store.tenants();
    }

    public String rotate(TenantId tenant) {
        require(tenant);
        String secret = newKey();
        store.addFingerprint(tenant, key.fingerprint(secret), clock.millis());
        store.keepOnlyFingerprint(tenant, key.fingerprint(secret));
        record("tenant.rotated", tenant);
        return secret;
    }

    public void enable(TenantId tenant, boolean enabled) {
        require(tenant);
        store.setTenantEnabled(tenant, enabled);
        record(enabled ? "tenant.resumed" : "tenant.suspended", tenant);
    }

    /** Forgets the tenant, then deletes its files: in this order nobody can use what is half deleted. */
    public void remove(TenantId tenant) {
        require(tenant);
        store.deleteTenant(tenant);
        WorkspaceRoot root =
                new WorkspaceRoot(config.paths().workspaces(), HostFacts.uid(), (who, guarantee, what) -> {});
        root.delete(tenant);
        record("tenant.removed", tenant);
    }

    private void require(TenantId tenant) {
        if (store.tenant(tenant).isEmpty()) {
            throw CloisterException.notFound("there is no tenant " + tenant + "; `cloister tenant list` shows all");
        }
    }

    private void record(String action, TenantId tenant) {
        audit.record("operator", action, Map.of("tenant", tenant.value()));
    }

    private static String newKey() {
        byte[] random = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(random);
        return "clst_" + HexFormat.of().formatHex(random);
    }

    @Override
    public void close() {
        store.close();
    }
}
