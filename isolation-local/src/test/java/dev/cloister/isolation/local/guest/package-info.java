@NullMarked
package dev.cloister.isolation.local.guest;

import org.jspecify.annotations.NullMarked;
