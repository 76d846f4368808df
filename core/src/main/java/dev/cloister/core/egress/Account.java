package dev.cloister.core.egress;

import dev.cloister.core.tenant.TenantId;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.eclipse.jetty.io.EndPoint;

/** One tenant's way out while its sandbox is open: what it used, and what ends with it. Thread-safe. */
final class Account {
    private static final int MOST_TARGETS = 50;

    private final TenantId tenant;
    private final Bounds bounds;
    private final Set<String> targets = new LinkedHashSet<>();
    private final Set<EndPoint> tunnels = new LinkedHashSet<>();
    private long requests;
    private long denied;
    private long bytesIn;
    private long bytesOut;
    private boolean closed;

    Account(TenantId tenant, Bounds bounds) {
        this.tenant = tenant;
        this.bounds = bounds;
    }

    TenantId tenant() {
        return tenant;
    }

    Bounds bounds() {
        return bounds;
    }

    synchronized void reached(String target) {
        requests++;
        if (targets.size() < MOST_TARGETS) {
            targets.add(target);
        }
    }

    synchronized void denied() {
        requests++;
        denied++;
    }

    /** @return whether the tenant may go on */
    synchronized boolean moved(long in, long out) {
        bytesIn += in;
        bytesOut += out;
        return bounds.moved(in + out);
    }

    /** Keeps the far end of a tunnel, so that it ends with this; closes it at once if it is too late. */
    void keep(EndPoint far) {
        synchronized (this) {
            tunnels.removeIf(one -> !one.isOpen());
            if (!closed) {
                tunnels.add(far);
                return;
            }
        }
        far.close();
    }

    synchronized EgressUse used() {
        return new EgressUse(requests, denied, bytesIn, bytesOut, new ArrayList<>(targets));
    }

    void close() {
        List<EndPoint> open;
        synchronized (this) {
            closed = true;
            open = List.copyOf(tunnels);
            tunnels.clear();
        }
        open.forEach(EndPoint::close);
    }
}
