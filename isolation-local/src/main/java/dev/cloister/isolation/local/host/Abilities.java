package dev.cloister.isolation.local.host;

import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.spi.Finding;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What the launcher was seen to achieve on this host.
 *
 * @param ownUids whether each tenant can have a uid of its own
 * @param namespaces those that can be made together, each with its effect seen
 * @param root whether a file system of its own can be put together and entered
 * @param landlock empty where the kernel has none
 * @param systemCallFilter whether seccomp filters work
 * @param findings what is missing of all this
 */
public record Abilities(
        boolean ownUids,
        Set<Namespace> namespaces,
        boolean root,
        Optional<LandlockLevel> landlock,
        boolean systemCallFilter,
        List<Finding> findings) {
    public Abilities {
        namespaces = Collections.unmodifiableSet(
                namespaces.isEmpty() ? EnumSet.noneOf(Namespace.class) : EnumSet.copyOf(namespaces));
        findings = List.copyOf(findings);
    }
}
