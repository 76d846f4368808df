@NullMarked
package dev.cloister.isolation.local.plan;

import org.jspecify.annotations.NullMarked;
