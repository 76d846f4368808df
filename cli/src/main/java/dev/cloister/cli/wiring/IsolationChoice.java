package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Guarantees;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which mode is in force and what holds in it. There is no fallback: what was asked for and does not hold stops the start.
 */
record IsolationChoice(IsolationProvider provider, Guarantees guarantees) {
    /** What the agent's launch and the broker hold in every mode; the canary turn sees to it at each start. */
    private static final Set<Guarantee> IN_EVERY_MODE = EnumSet.of(
            Guarantee.CREDENTIAL_NEVER_INSIDE, Guarantee.WORKSPACE_CODE_NOT_RUN, Guarantee.TOOL_POLICY_ENFORCED);

    private record Candidate(IsolationProvider provider, Availability availability) {
        boolean usable() {
            return !(availability instanceof Availability.Unavailable);
        }

        boolean separates() {
            return availability.holds().contains(Guarantee.FILES_OF_OTHERS_UNREADABLE);
        }
    }

    static IsolationChoice make(CloisterConfig.Isolation wanted, IsolationConfig config, Host host) {
        List<Candidate> candidates = new ArrayList<>();
        for (IsolationProvider provider : strongestFirst()) {
            if (wanted.mode().isEmpty()
                    ? automatic(provider.mode())
                    : wanted.mode().get() == provider.mode()) {
                candidates.add(new Candidate(provider, provider.probe(config, host)));
                if (candidates.getLast().separates()) {
                    break;
                }
            }
        }
        Candidate chosen = candidates.stream()
                .filter(Candidate::usable)
                .max(Comparator.comparingInt(c -> c.availability().holds().size()))
                .orElseThrow(() -> none(wanted.mode(), candidates));

        Set<Guarantee> holds = holds(chosen.availability());
        Set<Guarantee> missing = EnumSet.noneOf(Guarantee.class);
        missing.addAll(wanted.require());
        missing.removeAll(holds);
        if (!missing.isEmpty()) {
            throw refused("isolation.require: these do not hold in mode "
                    + chosen.provider().mode().id() + " on this host: " + missing
                    + findings(chosen.availability().findings()));
        }
        boolean weak = !holds.contains(Guarantee.FILES_OF_OTHERS_UNREADABLE);
        return new IsolationChoice(
                chosen.provider(),
                new Guarantees(
                        chosen.provider().mode(), holds, chosen.availability().findings(), weak));
    }

    /** What a server in a mode holds: the mode's own, and what is held in every mode. */
    static Set<Guarantee> holds(Availability availability) {
        Set<Guarantee> holds = EnumSet.copyOf(IN_EVERY_MODE);
        holds.addAll(availability.holds());
        return holds;
    }

    static List<IsolationProvider> strongestFirst() {
        return ServiceLoader.load(IsolationProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .sorted(Comparator.comparing(IsolationProvider::mode).reversed())
                .toList();
    }

    /**
     * Chroot holds what namespaces holds, with a smaller file system, and the modes above it need an engine or a kernel of their
     * own: those are for the operator to choose, by name.
     */
    private static boolean automatic(IsolationMode mode) {
        return switch (mode) {
            case DIRECTORIES, NAMESPACES -> true;
            case CHROOT, CONTAINER, MICROVM -> false;
        };
    }

    private static CloisterException none(Optional<IsolationMode> wanted, List<Candidate> candidates) {
        if (candidates.isEmpty()) {
            return refused("isolation.mode: " + wanted.map(IsolationMode::id).orElse("auto")
                    + " is not part of this build; use isolation.mode: directories");
        }
        return refused("no isolation mode can be used on this host"
                + findings(candidates.stream()
                        .flatMap(candidate -> candidate.availability().findings().stream())
                        .toList()));
    }

    private static String findings(List<Finding> findings) {
        return findings.stream().map(finding -> "\n  - " + finding).collect(Collectors.joining());
    }

    private static CloisterException refused(String why) {
        return new CloisterException(ErrorCode.ISOLATION_FAILED, why);
    }

    /** Why a second tenant is refused; empty where tenants are kept apart, or where the operator accepted that they are not. */
    Optional<CloisterException> wallMissing(boolean acceptWeak) {
        if (!guarantees.weak() || acceptWeak) {
            return Optional.empty();
        }
        String why = guarantees.findings().stream().map(Finding::toString).collect(Collectors.joining(" "));
        return Optional.of(new CloisterException(
                ErrorCode.FORBIDDEN, "this server takes no second tenant, because it could not keep it apart. " + why));
    }
}
