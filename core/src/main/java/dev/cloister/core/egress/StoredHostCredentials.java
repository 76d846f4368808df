package dev.cloister.core.egress;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.tenant.TenantId;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** Tenants' credentials for hosts in a store, sealed under a key that is not in it. Thread-safe; one server owns the store. */
public final class StoredHostCredentials implements HostCredentials {
    private static final int MOST = 50;

    private final HostCredentialStore store;
    private final Sealer sealer;
    private final boolean usable;
    private final Audit audit;
    private final Clock clock;

    /** What the proxy asks for at each request. */
    private final Map<TenantId, List<HostCredential>> opened = new ConcurrentHashMap<>();

    /**
     * @param key of 32 bytes
     * @param usable whether there is a proxy that would add them
     */
    public StoredHostCredentials(HostCredentialStore store, byte[] key, boolean usable, Audit audit, Clock clock) {
        this.store = store;
        this.sealer = new Sealer(key);
        this.usable = usable;
        this.audit = audit;
        this.clock = clock;
    }

    /** A policy with what the tenant itself has kept; it comes before what the operator keeps for the same host. */
    public EgressPolicy with(TenantId tenant, EgressPolicy policy) {
        List<HostCredential> own = opened.computeIfAbsent(tenant, this::open);
        return own.isEmpty()
                ? policy
                : new EgressPolicy(
                        policy.mode(),
                        policy.rules(),
                        Stream.concat(own.stream(), policy.credentials().stream())
                                .toList());
    }

    private List<HostCredential> open(TenantId tenant) {
        return store.hostCredentials(tenant).stream()
                .map(one -> HostCredential.of(
                        true,
                        one.host(),
                        new HostCredential.Secret.Kept(sealer.open(owner(tenant, one.host()), one.value()))))
                .flatMap(Optional::stream)
                .toList();
    }

    private static String owner(TenantId tenant, String host) {
        return tenant.value() + " " + host;
    }

    @Override
    public void put(TenantId tenant, String host, String authorization) {
        if (!usable) {
            throw new CloisterException(
                    ErrorCode.CONFLICT, "the network of this server is closed (egress.mode), so nothing would use it");
        }
        if (!HostCredential.isValue(authorization)) {
            throw CloisterException.invalid(
                    "authorization must be the value of a header, such as `Basic` or `Bearer` and what"
                            + " belongs to it: printable ASCII, at most " + HostCredential.LONGEST_VALUE
                            + " characters");
        }
        String place = place(host);
        List<HostCredentialStore.Sealed> known = store.hostCredentials(tenant);
        if (known.size() >= MOST && known.stream().noneMatch(one -> one.host().equals(place))) {
            throw new CloisterException(
                    ErrorCode.CONFLICT, "there are " + MOST + " already, which is the most; delete one first");
        }
        store.putHostCredential(
                tenant,
                new HostCredentialStore.Sealed(
                        place, sealer.seal(owner(tenant, place), authorization), clock.millis()));
        opened.remove(tenant);
        audit.record(tenant.value(), "credential.kept", Map.of("host", place));
    }

    private static String place(String host) {
        return HostCredential.of(true, host, new HostCredential.Secret.Kept(""))
                .map(HostCredential::place)
                .orElseThrow(() -> CloisterException.invalid(
                        "the host must be a name, with a port where that is not 443, such as git.example.com:8443"));
    }

    @Override
    public List<Kept> list(TenantId tenant) {
        return store.hostCredentials(tenant).stream()
                .map(one -> new Kept(one.host(), one.at()))
                .toList();
    }

    @Override
    public void delete(TenantId tenant, String host) {
        String place = place(host);
        boolean there = store.deleteHostCredential(tenant, place);
        opened.remove(tenant);
        if (!there) {
            throw CloisterException.notFound("nothing is kept for " + place);
        }
        audit.record(tenant.value(), "credential.removed", Map.of("host", place));
    }
}
