@NullMarked
package dev.cloister.isolation.local.jail;

import org.jspecify.annotations.NullMarked;
