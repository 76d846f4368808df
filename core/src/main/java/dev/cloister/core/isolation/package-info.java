/** What of isolation the rest of the server sees. */
@NullMarked
package dev.cloister.core.isolation;

import org.jspecify.annotations.NullMarked;
