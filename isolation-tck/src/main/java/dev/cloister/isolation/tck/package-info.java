/** Attacks on every promise, as data, and the engine that makes them against any isolation mode. */
@NullMarked
package dev.cloister.isolation.tck;

import org.jspecify.annotations.NullMarked;
