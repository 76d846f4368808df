/** How much at once. */
@NullMarked
package dev.cloister.core.quota;

import org.jspecify.annotations.NullMarked;
