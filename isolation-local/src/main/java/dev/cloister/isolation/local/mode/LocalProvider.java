package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.cgroup.CgroupSearch;
import dev.cloister.isolation.local.cgroup.Cgroups;
import dev.cloister.isolation.local.cgroup.Controller;
import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.probe.AbilitiesProbe;
import dev.cloister.isolation.local.probe.ModeProbe;
import dev.cloister.isolation.local.sandbox.LocalBackend;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationProvider;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** What the modes of this machine have in common: look what the host can do, open, and try what holds. */
abstract class LocalProvider implements IsolationProvider {
    private static final Set<Controller> BOUNDS = EnumSet.of(Controller.MEMORY, Controller.CPU, Controller.PIDS);
    /** A host does not change while a server runs, and looking takes a tenth of a second. */
    private static final Map<Host, Abilities> SEEN = new ConcurrentHashMap<>();

    private record Found(Optional<Cgroups> cgroups, List<Finding> findings) {}

    /** All that the mode can promise anywhere. */
    abstract Set<Guarantee> promises();

    /** Without which the mode is of no use. */
    abstract Set<Guarantee> essentials();

    /** Why the mode cannot be used at all with these abilities; empty if it can. */
    abstract Optional<Finding> obstacle(Abilities abilities, Host host);

    /** What is missing when these guarantees do not hold, besides control groups. */
    abstract List<Finding> shortfall(Set<Guarantee> missing, Abilities abilities, Host host);

    abstract Blueprint blueprint(IsolationConfig config, Host host, Abilities abilities, Path base);

    private static Abilities abilities(IsolationConfig config, Host host) {
        return SEEN.computeIfAbsent(host, unseen -> AbilitiesProbe.run(unseen, config));
    }

    @Override
    public Availability probe(IsolationConfig config, Host host) {
        try {
            Abilities abilities = abilities(config, host);
            Optional<Finding> obstacle = obstacle(abilities, host);
            if (obstacle.isPresent()) {
                return new Availability.Unavailable(obstacle.get());
            }
            Set<Guarantee> held =
                    ModeProbe.run(host, run -> backend(config.withRunRoot(run), host, abilities, Optional.empty()));
            Found groups = groups(config, "-probe");
            try {
                if (groups.cgroups().map(Cgroups::controllers).orElse(Set.of()).containsAll(BOUNDS)) {
                    held.add(Guarantee.RESOURCES_BOUNDED);
                }
            } finally {
                groups.cgroups().ifPresent(Cgroups::close);
            }
            return judged(held, groups.findings(), abilities, host);
        } catch (IsolationException e) {
            return new Availability.Unavailable(e.finding());
        }
    }

    private Availability judged(Set<Guarantee> held, List<Finding> groups, Abilities abilities, Host host) {
        if (!held.containsAll(essentials())) {
            return new Availability.Unavailable(new Finding(
                    "processes cannot be confined on this host",
                    "the probe saw only " + held,
                    "Report it with the kernel's version; another host may do."));
        }
        held.retainAll(promises());
        Set<Guarantee> missing = EnumSet.copyOf(promises());
        missing.removeAll(held);
        List<Finding> findings = new ArrayList<>();
        if (missing.remove(Guarantee.RESOURCES_BOUNDED)) {
            findings.addAll(groups);
        }
        if (!missing.isEmpty()) {
            findings.addAll(shortfall(missing, abilities, host));
        }
        return findings.isEmpty() ? new Availability.Available(held) : new Availability.Degraded(held, findings);
    }

    @Override
    public IsolationBackend open(IsolationConfig config, Host host) {
        Abilities abilities = abilities(config, host);
        obstacle(abilities, host).ifPresent(obstacle -> {
            throw new IsolationException(obstacle);
        });
        Found groups = groups(config, "");
        try {
            return backend(config, host, abilities, groups.cgroups());
        } catch (RuntimeException e) {
            groups.cgroups().ifPresent(Cgroups::close);
            throw e;
        }
    }

    private LocalBackend backend(IsolationConfig config, Host host, Abilities abilities, Optional<Cgroups> cgroups) {
        Launcher launcher = Launcher.open(config.runRoot());
        try {
            Blueprint blueprint = blueprint(config, host, abilities, launcher.base());
            return new LocalBackend(blueprint, launcher, cgroups, config, abilities.ownUids());
        } catch (RuntimeException e) {
            launcher.close();
            throw e;
        }
    }

    /** One set of groups for each installation, known by where it keeps its things. */
    private static Found groups(IsolationConfig config, String suffix) {
        String instance = UUID.nameUUIDFromBytes(
                        config.jails().toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8))
                .toString()
                .substring(0, 13);
        return switch (Cgroups.find(config.cgroupParent(), instance + suffix)) {
            case CgroupSearch.Found(Cgroups cgroups, List<Finding> missing) -> new Found(Optional.of(cgroups), missing);
            case CgroupSearch.Missing(Finding why) -> new Found(Optional.empty(), List.of(why));
        };
    }
}
