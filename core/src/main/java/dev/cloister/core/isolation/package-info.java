/** What of isolation the rest of the server sees: what is promised, and what was seen against it. */
@NullMarked
package dev.cloister.core.isolation;

import org.jspecify.annotations.NullMarked;
