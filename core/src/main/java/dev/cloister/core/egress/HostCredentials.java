package dev.cloister.core.egress;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.tenant.TenantId;
import java.util.List;

/** What tenants have the proxy add to their requests for hosts. Nobody can read a value back. Thread-safe. */
public interface HostCredentials {
    /**
     * One that is kept.
     *
     * @param host with its port where that is not 443
     * @param since milliseconds since the epoch
     */
    record Kept(String host, long since) {}

    /**
     * Keeps one; it takes the place of an earlier one for the same host.
     *
     * @param authorization the value of the header {@code Authorization}
     * @throws CloisterException INVALID_REQUEST if host or value are not of their form, CONFLICT if the tenant has too many or
     *     the network is closed to all
     */
    void put(TenantId tenant, String host, String authorization);

    /** In the order of the hosts. */
    List<Kept> list(TenantId tenant);

    /** @throws CloisterException NOT_FOUND if there is none for this host */
    void delete(TenantId tenant, String host);
}
