@NullMarked
package dev.cloister.cli.bench;

import org.jspecify.annotations.NullMarked;
