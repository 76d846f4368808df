/**
 * What every mode's sandboxes do, as tests: a mode extends {@link dev.cloister.isolation.tck.contract.SandboxContract} in its own
 * tests, where JUnit and AssertJ are.
 */
@NullMarked
package dev.cloister.isolation.tck.contract;

import org.jspecify.annotations.NullMarked;
