@NullMarked
package dev.cloister.isolation.docker;

import org.jspecify.annotations.NullMarked;
