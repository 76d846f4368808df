@NullMarked
package dev.cloister.cli.attack;

import org.jspecify.annotations.NullMarked;
