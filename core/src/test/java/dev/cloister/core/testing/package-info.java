/** Fakes that the tests of several packages share. */
@NullMarked
package dev.cloister.core.testing;

import org.jspecify.annotations.NullMarked;
