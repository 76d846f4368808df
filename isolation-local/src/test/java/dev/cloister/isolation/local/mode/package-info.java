@NullMarked
package dev.cloister.isolation.local.mode;

import org.jspecify.annotations.NullMarked;
