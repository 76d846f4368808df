package dev.cloister.core.reach;

import java.net.InetAddress;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What one tenant may reach. Asked twice: for the name that was asked for, and, with what the name means now, for the
 * addresses. Pure.
 */
public record EgressPolicy(EgressMode mode, List<EgressRule> rules, List<HostCredential> credentials) {
    /** Nothing. */
    public static final EgressPolicy CLOSED = new EgressPolicy(EgressMode.CLOSED, List.of());

    public EgressPolicy {
        rules = List.copyOf(rules);
        credentials = List.copyOf(credentials);
    }

    public EgressPolicy(EgressMode mode, List<EgressRule> rules) {
        this(mode, rules, List.of());
    }

    /** What becomes of a request. */
    public sealed interface Verdict {
        /** @param listed whether a rule covers it; else it is the mode that lets it through */
        record Allowed(boolean listed) implements Verdict {}

        /** @param message says what to do about it, for whoever sits in the sandbox */
        record Denied(Reason reason, String message) implements Verdict {}
    }

    /** Why something is denied; the name is that of metrics. */
    public enum Reason {
        /** The network is closed. */
        CLOSED,
        /** No rule names it. */
        UNLISTED,
        /** The address is nobody's in the public network. */
        PRIVATE,
        /** It is not a host in its plain spelling. */
        UNREADABLE;

        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What the proxy adds to a request. */
    public Optional<HostCredential> credential(EgressRequest request) {
        return credentials.stream()
                .filter(credential -> credential.covers(request))
                .findFirst();
    }

    public Verdict ask(EgressRequest request) {
        boolean listed = rules.stream().anyMatch(rule -> rule.covers(request));
        return switch (mode) {
            case CLOSED ->
                new Verdict.Denied(
                        Reason.CLOSED,
                        "%s is not reachable: the network of this sandbox is closed; ask the operator for egress.mode"
                                        .formatted(request.target())
                                + " allowlist and the rule \"" + EgressRule.of(request) + "\"");
            case ALLOWLIST ->
                listed
                        ? new Verdict.Allowed(true)
                        : new Verdict.Denied(
                                Reason.UNLISTED,
                                "%s is not reachable: no rule names it; the operator can add \"%s\" to egress.rules"
                                        .formatted(request.target(), EgressRule.of(request)));
            case OBSERVE, OPEN -> new Verdict.Allowed(listed);
        };
    }

    /**
     * Whether the connection may go to these, which are all that the host means: one that is not public is refused with all of
     * them, unless a rule lists it by address, since a name that means both is one that changes its meaning.
     */
    public Verdict ask(EgressRequest request, List<InetAddress> addresses) {
        for (InetAddress address : addresses) {
            Destination.Address one = new Destination.Address(address);
            if (!PublicAddresses.contain(address)
                    && rules.stream().noneMatch(rule -> rule.lists(one, request.port()))) {
                return new Verdict.Denied(
                        Reason.PRIVATE,
                        // Not which: names of the operator's own network say nothing inside.
                        "%s is not reachable: its address is not a public one; the operator can list the address itself in egress.rules"
                                .formatted(request.target()));
            }
        }
        return new Verdict.Allowed(rules.stream().anyMatch(rule -> rule.covers(request)));
    }
}
