package dev.cloister.isolation.local.directories;

import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A 0700 tree per tenant. As root each tenant has a uid of its own, and the kernel's file and process permissions are the
 * wall. As an ordinary user every tenant would have the server's uid, and there is no wall at all.
 */
public final class DirectoriesProvider implements IsolationProvider {
    /** What distinct uids give, if the host really applies them. */
    private static final Set<Guarantee> BY_UID = EnumSet.of(
            Guarantee.FILES_OF_OTHERS_UNREADABLE,
            Guarantee.FILES_OF_OTHERS_UNWRITABLE,
            Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
            Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE,
            Guarantee.SERVER_STATE_UNREADABLE);

    @Override
    public IsolationMode mode() {
        return IsolationMode.DIRECTORIES;
    }

    @Override
    public Availability probe(IsolationConfig config, Host host) {
        Set<Guarantee> held;
        try {
            held = DirectoriesProbe.run(config, host);
        } catch (IsolationException e) {
            return new Availability.Unavailable(e.finding());
        }
        if (!held.contains(Guarantee.PROCESSES_END_WITH_TURN) || !held.contains(Guarantee.PRIVILEGES_NOT_GAINABLE)) {
            return new Availability.Unavailable(new Finding(
                    "processes cannot be confined on this host",
                    "the probe saw only " + held,
                    "Report it with the kernel's version; another host may do."));
        }
        if (held.containsAll(BY_UID)) {
            return new Availability.Available(held);
        }
        if (!host.isRoot()) {
            held.removeAll(BY_UID);
            return new Availability.Degraded(
                    held,
                    List.of(new Finding(
                            "tenants cannot be kept apart in directories mode",
                            "the server runs as uid " + host.serverUid()
                                    + ", and only root can give each tenant a uid of its own",
                            "Run the server as root; it drops to a tenant's uid before it starts anything.")));
        }
        return new Availability.Unavailable(new Finding(
                "distinct uids do not separate tenants on this host",
                "a process of one uid could do what only the owner may; the probe saw only " + held,
                "Use another isolation mode or another host."));
    }

    @Override
    public IsolationBackend open(IsolationConfig config, Host host) {
        return new DirectoriesBackend(config, host.isRoot());
    }
}
