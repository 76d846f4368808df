/** The story that shows what Cloister is for, told by running it. */
@NullMarked
package dev.cloister.cli.demo;

import org.jspecify.annotations.NullMarked;
