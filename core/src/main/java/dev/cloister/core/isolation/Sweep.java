package dev.cloister.core.isolation;

import dev.cloister.core.flow.Rounds;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Guarantee;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at every tenant's tree again and again, whether anybody uses it or not: an owner or mode that is not as it must be
 * is one violation when it is first seen, and again if it comes back. It mends nothing: whoever changed it should be found. On
 * a thread of its own; closing it waits for a look that goes on.
 */
public final class Sweep implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Sweep.class);

    /** What is looked at. */
    public interface Trees {
        /** What is wrong with a tenant's tree, one phrase; empty if nothing is, or if there is none. Changes nothing. */
        Optional<String> fault(TenantId tenant, long uid);

        /** The same of what all trees stand in; makes that again where it is missing. */
        Optional<String> faultOfAll();
    }

    private final Trees trees;
    private final Supplier<List<Tenant>> tenants;
    private final Violations violations;
    private final Rounds rounds;
    private final Map<TenantId, String> known = new HashMap<>();
    private String knownOfAll = "";

    private Sweep(Trees trees, Supplier<List<Tenant>> tenants, Violations violations, Duration every) {
        this.trees = trees;
        this.tenants = tenants;
        this.violations = violations;
        this.rounds = Rounds.start("sweep", every, this::look);
    }

    /** Looks for the first time after {@code every}: at the start all was looked at anyway. */
    public static Sweep start(Trees trees, Supplier<List<Tenant>> tenants, Violations violations, Duration every) {
        return new Sweep(trees, tenants, violations, every);
    }

    private void look() {
        try {
            String all = seenTwice(trees::faultOfAll);
            if (!all.isEmpty() && !all.equals(knownOfAll)) {
                violations.observedOfAll(Guarantee.FILES_OF_OTHERS_UNREADABLE, "found by the sweep: " + all);
            }
            knownOfAll = all;
            for (Tenant tenant : tenants.get()) {
                look(tenant);
            }
        } catch (RuntimeException e) {
            log.error("the sweep did not get to its end", e);
        }
    }

    private void look(Tenant tenant) {
        try {
            String fault = seenTwice(() -> trees.fault(tenant.id(), tenant.uid()));
            String before = fault.isEmpty() ? known.remove(tenant.id()) : known.put(tenant.id(), fault);
            if (!fault.isEmpty() && !fault.equals(before)) {
                log.warn("the workspace of tenant {} is not as it must be: {}", tenant.id(), fault);
                violations.observed(
                        tenant.id(), Guarantee.FILES_OF_OTHERS_UNREADABLE, "found by the sweep: " + fault, Map.of());
            }
        } catch (RuntimeException e) {
            log.warn("the workspace of tenant {} could not be looked at", tenant.id(), e);
        }
    }

    /** What is being made or moved at this moment looks wrong for a moment only. */
    private static String seenTwice(Supplier<Optional<String>> look) {
        Optional<String> first = look.get();
        return first.isPresent() && first.equals(look.get()) ? first.get() : "";
    }

    @Override
    public void close() {
        rounds.close();
    }
}
