package dev.cloister.isolation.tck;

/**
 * Two tenants in one kind of place.
 *
 * @param place for people and reports: a mode, or what stands for having none
 */
public record Pair(String place, Tenant victim, Tenant attacker) {}
