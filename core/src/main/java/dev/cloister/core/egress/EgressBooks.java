package dev.cloister.core.egress;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.EgressRequest;
import dev.cloister.core.reach.EgressRule;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Guarantee;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Where it is written down what tenants reached, tried to reach, and would need a rule for. Thread-safe. */
public final class EgressBooks {
    /** More than anybody reads; what is beyond is counted and not written down. */
    private static final int MOST_OBSERVED = 10_000;

    private record Observed(TenantId tenant, EgressRule rule) {}

    private final Metrics metrics;
    private final Violations violations;
    private final Audit audit;
    private final Set<Observed> observed = ConcurrentHashMap.newKeySet();

    public EgressBooks(Metrics metrics, Violations violations, Audit audit) {
        this.metrics = metrics;
        this.violations = violations;
        this.audit = audit;
    }

    Metrics metrics() {
        return metrics;
    }

    /** It went through, and no rule named it. Written down once for each rule that would be needed. */
    void unlisted(TenantId tenant, EgressRequest request) {
        EgressRule rule = EgressRule.of(request);
        if (observed.size() < MOST_OBSERVED && observed.add(new Observed(tenant, rule))) {
            audit.record(tenant.value(), "egress.observed", Map.of("rule", rule.toString()));
        }
    }

    /**
     * Who names what is nobody's in the public network, or spells a host so that programs read it differently, tries a wall;
     * who names what no rule lists mostly wants a package.
     */
    void denied(TenantId tenant, EgressPolicy.Reason reason, String target) {
        switch (reason) {
            case CLOSED, UNLISTED ->
                audit.record(tenant.value(), "egress.denied", Map.of("target", target, "reason", reason.id()));
            case PRIVATE, UNREADABLE ->
                violations.observed(
                        tenant,
                        Guarantee.NETWORK_CLOSED,
                        "an address that the egress proxy refuses to everybody",
                        Map.of("target", target, "reason", reason.id()));
        }
    }

    /** What a tenant's sandbox had of the network while it was open. */
    void used(TenantId tenant, EgressUse use) {
        if (use.requests() > 0) {
            audit.record(
                    tenant.value(),
                    "egress.used",
                    Map.of(
                            "requests", use.requests(),
                            "denied", use.denied(),
                            "bytes_in", use.bytesIn(),
                            "bytes_out", use.bytesOut(),
                            "targets", String.join(" ", use.targets())));
        }
    }
}
