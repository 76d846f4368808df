/** The attacks, one class for each family. */
@NullMarked
package dev.cloister.isolation.tck.corpus;

import org.jspecify.annotations.NullMarked;
