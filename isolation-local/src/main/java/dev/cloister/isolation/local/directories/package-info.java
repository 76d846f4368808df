/** Directories mode: a 0700 tree, and as root a uid for each tenant. */
@NullMarked
package dev.cloister.isolation.local.directories;

import org.jspecify.annotations.NullMarked;
