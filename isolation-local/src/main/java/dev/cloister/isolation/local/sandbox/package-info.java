/** Sandboxes on this machine: one implementation for all modes that are a way to launch. */
@NullMarked
package dev.cloister.isolation.local.sandbox;

import org.jspecify.annotations.NullMarked;
