/** The commands. */
@NullMarked
package dev.cloister.cli;

import org.jspecify.annotations.NullMarked;
