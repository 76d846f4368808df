/**
 * Bounds, measures and ends sandboxes by Linux control groups, versions 1 and 2 behind one interface.
 *
 * <p>{@link dev.cloister.isolation.local.cgroup.Cgroups#find Cgroups.find} tries what the host allows. All groups of a server are in
 * one parent of its own, {@code cloister-<instance>}, in each hierarchy; nothing outside of it is changed, but for one case that
 * {@code find} names.
 */
@NullMarked
package dev.cloister.isolation.local.cgroup;

import org.jspecify.annotations.NullMarked;
