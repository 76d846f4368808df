@NullMarked
package dev.cloister.cli.wiring;

import org.jspecify.annotations.NullMarked;
