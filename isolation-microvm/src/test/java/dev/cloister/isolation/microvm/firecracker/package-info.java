@NullMarked
package dev.cloister.isolation.microvm.firecracker;

import org.jspecify.annotations.NullMarked;
