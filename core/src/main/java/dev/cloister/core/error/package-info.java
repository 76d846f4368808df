/** The one exception of the project and its codes. */
@NullMarked
package dev.cloister.core.error;

import org.jspecify.annotations.NullMarked;
