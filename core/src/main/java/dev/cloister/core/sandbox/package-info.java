/** Tenants' sandboxes while they are in use, and the whole trees that tar moves in and out through them. */
@NullMarked
package dev.cloister.core.sandbox;

import org.jspecify.annotations.NullMarked;
