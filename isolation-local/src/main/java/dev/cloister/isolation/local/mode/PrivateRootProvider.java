package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What the modes with a file system of their own have in common. */
abstract class PrivateRootProvider extends LocalProvider {
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
