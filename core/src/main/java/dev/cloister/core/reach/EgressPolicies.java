package dev.cloister.core.reach;

import java.util.Map;
import java.util.stream.Stream;

/**
 * What each tenant may reach. Pure.
 *
 * @param standard of all who are not named
 * @param tenants by a tenant's id
 */
public record EgressPolicies(EgressPolicy standard, Map<String, EgressPolicy> tenants) {
    public EgressPolicies {
        tenants = Map.copyOf(tenants);
    }

    public EgressPolicy of(String tenant) {
        return tenants.getOrDefault(tenant, standard);
    }

    /** How many rules there are in all. */
    public long rules() {
        return Stream.concat(Stream.of(standard), tenants.values().stream())
                .mapToLong(policy -> policy.rules().size())
                .sum();
    }
}
