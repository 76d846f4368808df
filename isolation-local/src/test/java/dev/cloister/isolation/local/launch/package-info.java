@NullMarked
package dev.cloister.isolation.local.launch;

import org.jspecify.annotations.NullMarked;
