package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.DirectoriesBlueprint;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A 0700 tree per tenant. As root each tenant has a uid of its own, and the kernel's file and process permissions are the
 * wall; as an ordinary user Landlock is. Where there is neither, there is no wall at all, and the mode says so.
 */
public final class DirectoriesProvider extends LocalProvider {
    /** What keeps tenants apart, if the host really applies it. */
    private static final Set<Guarantee> WALL = EnumSet.of(
            Guarantee.FILES_OF_OTHERS_UNREADABLE,
            Guarantee.FILES_OF_OTHERS_UNWRITABLE,
            Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
            Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE,
            Guarantee.SERVER_STATE_UNREADABLE);

    @Override
    public IsolationMode mode() {
        return IsolationMode.DIRECTORIES;
    }

    /** Who sees the host's /proc sees the host's processes. */
    @Override
    Set<Guarantee> promises() {
        return PromisesOfAll.without(Guarantee.PROCESSES_OF_OTHERS_INVISIBLE);
    }

    /** Without a wall one tenant can still be served, and nobody else is then there to be protected from it. */
    @Override
    Set<Guarantee> essentials() {
        return Set.of(Guarantee.PRIVILEGES_NOT_GAINABLE);
    }

    @Override
    Optional<Finding> obstacle(Abilities abilities, Host host) {
        return Optional.empty();
    }

    @Override
    List<Finding> shortfall(Set<Guarantee> missing, Abilities abilities, Host host) {
        List<Finding> findings = new ArrayList<>();
        if (!Collections.disjoint(missing, WALL)) {
            findings.add(new Finding(
                    "tenants cannot be kept apart in directories mode",
                    host.isRoot()
                            ? "a process of one uid could do what only the owner may; missing are " + missing
                            : "the server runs as uid " + host.serverUid()
                                    + ", only root can give each tenant a uid of its own, and Landlock does not make up"
                                    + " for it here; missing are " + missing,
                    host.isRoot()
                            ? "Use another isolation mode or another host."
                            : "Run the server as root; it drops to a tenant's uid before it starts anything."));
        } else {
            findings.add(new Finding(
                    "not everything that directories mode can promise holds here",
                    "missing are " + missing,
                    "A kernel with seccomp filters and Landlock closes the gap."));
        }
        findings.addAll(abilities.findings());
        return findings;
    }

    @Override
    Blueprint blueprint(IsolationConfig config, Host host, Abilities abilities, Path base) {
        return new DirectoriesBlueprint(config, abilities, SystemFiles.ofHost());
    }
}
