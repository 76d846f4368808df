/** What this host can do and what a mode holds, found by trying: one sandbox attacks another. */
@NullMarked
package dev.cloister.isolation.local.probe;

import org.jspecify.annotations.NullMarked;
