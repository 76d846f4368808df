/** One user message and all that the agent does until its result. */
@NullMarked
package dev.cloister.core.turn;

import org.jspecify.annotations.NullMarked;
