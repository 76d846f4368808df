/** The three modes of this machine, as the server finds them. */
@NullMarked
package dev.cloister.isolation.local.mode;

import org.jspecify.annotations.NullMarked;
