package dev.cloister.server;

import dev.cloister.core.egress.HostCredentials;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.tenant.TenantId;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** Keeps them in memory, by tenant and host, as they came. */
final class FakeHostCredentials implements HostCredentials {
    final Map<TenantId, TreeMap<String, String>> kept = new ConcurrentHashMap<>();

    private Map<String, String> of(TenantId tenant) {
        return kept.computeIfAbsent(tenant, absent -> new TreeMap<>());
    }

    @Override
    public void put(TenantId tenant, String host, String authorization) {
        of(tenant).put(host, authorization);
    }

    @Override
    public List<Kept> list(TenantId tenant) {
        return of(tenant).keySet().stream().map(host -> new Kept(host, 7)).toList();
    }

    @Override
    public void delete(TenantId tenant, String host) {
        if (of(tenant).remove(host) == null) {
            throw CloisterException.notFound("nothing is kept for " + host);
        }
    }
}
