@NullMarked
package dev.cloister.isolation.local.directories;

import org.jspecify.annotations.NullMarked;
