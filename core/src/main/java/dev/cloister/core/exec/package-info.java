/** Commands run in a tenant's sandbox without the agent. */
@NullMarked
package dev.cloister.core.exec;

import org.jspecify.annotations.NullMarked;
