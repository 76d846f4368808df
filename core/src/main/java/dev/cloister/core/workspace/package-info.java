/** A tenant's persistent directory tree, and safe access to it. */
@NullMarked
package dev.cloister.core.workspace;

import org.jspecify.annotations.NullMarked;
