/** Configuration: every key once, bound to records. */
@NullMarked
package dev.cloister.core.config;

import org.jspecify.annotations.NullMarked;
