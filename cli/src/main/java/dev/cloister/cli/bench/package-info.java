/** Measures what Cloister costs on this host, in turns with what others cost. */
@NullMarked
package dev.cloister.cli.bench;

import org.jspecify.annotations.NullMarked;
