package dev.cloister.core.isolation;

import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import java.util.List;
import java.util.Set;

/**
 * What holds on this host with the mode in force.
 *
 * @param findings what stands in the way of more
 * @param weak whether tenants are not really kept apart, and the operator accepted that
 */
public record Guarantees(IsolationMode mode, Set<Guarantee> holds, List<Finding> findings, boolean weak) {
    public Guarantees {
        holds = Set.copyOf(holds);
        findings = List.copyOf(findings);
    }
}
