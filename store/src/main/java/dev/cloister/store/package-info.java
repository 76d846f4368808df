/** The store on SQLite, the embedded default. */
@NullMarked
package dev.cloister.store;

import org.jspecify.annotations.NullMarked;
