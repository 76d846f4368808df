/** Tenants' sandboxes while they are in use. */
@NullMarked
package dev.cloister.core.sandbox;

import org.jspecify.annotations.NullMarked;
