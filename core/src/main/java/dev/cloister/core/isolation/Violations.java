package dev.cloister.core.isolation;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Guarantee;
import java.util.LinkedHashMap;
import java.util.Map;

/** The one place where an attempt against a guarantee becomes an audit entry and a count. Thread-safe. */
public final class Violations {
    private final Audit audit;
    private final Metrics metrics;
    private final String mode;
    private final Suspension suspension;

    /** @param mode the isolation mode in force, by its id */
    public Violations(Audit audit, Metrics metrics, String mode) {
        this(audit, metrics, mode, Suspension.never());
    }

    /** @param suspension is told of each */
    public Violations(Audit audit, Metrics metrics, String mode, Suspension suspension) {
        this.suspension = suspension;
        this.audit = audit;
        this.metrics = metrics;
        this.mode = mode;
        metrics.declareViolations(mode);
    }

    /** @param what what was seen, one phrase; never a path's content, a prompt or a secret */
    public void observed(TenantId tenant, Guarantee guarantee, String what, Map<String, Object> detail) {
        metrics.violation(guarantee, mode);
        Map<String, Object> full = new LinkedHashMap<>();
        full.put("guarantee", guarantee.name());
        full.put("what", what);
        full.putAll(detail);
        audit.record(tenant.value(), "violation", full);
        suspension.observed(tenant);
    }

    /** What concerns all tenants at once, and is no tenant's doing that is known. */
    public void observedOfAll(Guarantee guarantee, String what) {
        metrics.violation(guarantee, mode);
        audit.record("server", "violation", Map.of("guarantee", guarantee.name(), "what", what));
    }
}
