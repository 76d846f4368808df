/** What is counted and timed. */
@NullMarked
package dev.cloister.core.metrics;

import org.jspecify.annotations.NullMarked;
