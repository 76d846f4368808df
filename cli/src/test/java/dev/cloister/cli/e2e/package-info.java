/** Whole servers with the real agent and the scripted upstream. */
@NullMarked
package dev.cloister.cli.e2e;

import org.jspecify.annotations.NullMarked;
