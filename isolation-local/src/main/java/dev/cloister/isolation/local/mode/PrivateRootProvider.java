package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.jail.JailSpec;
import dev.cloister.isolation.local.jail.JailTemplates;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the modes with a file system of their own have in common. */
abstract class PrivateRootProvider extends LocalProvider {
    private static final Logger log = LoggerFactory.getLogger(PrivateRootProvider.class);

    /** What the root is made of. */
    abstract JailSpec template(IsolationConfig config);

    abstract Blueprint blueprint(PrivateRoot root, Path template);

    @Override
    Blueprint blueprint(IsolationConfig config, Host host, Abilities abilities, Path base) {
        Path template = templates(config).require(template(config));
        return blueprint(new PrivateRoot(config, abilities, base), template);
    }

    private static JailTemplates templates(IsolationConfig config) {
        return new JailTemplates(config.jails(), log::info);
    }

    /** Whoever opens the mode is the only server of these jails, and none of its sandboxes has one mounted yet. */
    @Override
    public IsolationBackend open(IsolationConfig config, Host host) {
        IsolationBackend backend = super.open(config, host);
        templates(config).removeOthers(template(config));
        return backend;
    }

    @Override
    Set<Guarantee> promises() {
        return PromisesOfAll.without();
    }

    @Override
    Set<Guarantee> essentials() {
        return Set.of(
                Guarantee.PRIVILEGES_NOT_GAINABLE,
                Guarantee.PROCESSES_END_WITH_TURN,
                Guarantee.FILES_OF_OTHERS_UNREADABLE,
                Guarantee.FILES_OF_OTHERS_UNWRITABLE,
                Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
                Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE);
    }

    @Override
    Optional<Finding> obstacle(Abilities abilities, Host host) {
        if (abilities.root()) {
            return Optional.empty();
        }
        return Optional.of(abilities.findings().stream()
                .reduce((earlier, later) -> later)
                .orElseGet(() -> new Finding(
                        "a sandbox cannot have a file system of its own here",
                        "no mount namespace could be made and used",
                        "Use isolation.mode: directories.")));
    }

    @Override
    List<Finding> shortfall(Set<Guarantee> missing, Abilities abilities, Host host) {
        List<Finding> findings = new ArrayList<>();
        findings.add(new Finding(
                "not everything that " + mode().id() + " mode can promise holds here",
                "missing are " + missing + "; of namespaces there are " + abilities.namespaces(),
                "Let the host, or the container's runtime, allow what is named in the other findings."));
        findings.addAll(abilities.findings());
        return findings;
    }
}
