/** Tool rules for the agent: hygiene, not a boundary. */
@NullMarked
package dev.cloister.core.policy;

import org.jspecify.annotations.NullMarked;
