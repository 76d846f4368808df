package dev.cloister.isolation.tck;

/**
 * One attack in one place.
 *
 * @param place the mode, or what stands for having none
 * @param promised whether the place promises to stop it on this host
 * @param detail what the attack printed and what it changed, shortened; for people
 */
public record Result(Attack attack, String place, boolean promised, Outcome outcome, String detail) {}
