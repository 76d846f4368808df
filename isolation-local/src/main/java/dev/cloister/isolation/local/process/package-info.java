/** What the kernel says about running processes. */
@NullMarked
package dev.cloister.isolation.local.process;

import org.jspecify.annotations.NullMarked;
