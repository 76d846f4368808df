package dev.cloister.core.workspace;

import dev.cloister.core.isolation.Violations;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Guarantee;
import java.util.Map;

/** Is told of what was refused because it could have led out of a workspace. Thread-safe; called before the refusal is thrown. */
@FunctionalInterface
public interface Refusals {
    /** @param what one phrase without any path or content */
    void refused(TenantId tenant, Guarantee guarantee, String what);

    /** Counts and audits each refusal as a violation. */
    static Refusals to(Violations violations) {
        return (tenant, guarantee, what) -> violations.observed(tenant, guarantee, what, Map.of());
    }
}
