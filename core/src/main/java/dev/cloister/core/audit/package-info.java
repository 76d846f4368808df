/** The append-only, hash-chained record of who did what. */
@NullMarked
package dev.cloister.core.audit;

import org.jspecify.annotations.NullMarked;
