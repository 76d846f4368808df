/** Starting and ending processes: pure plans, and the one class that turns them into processes. */
@NullMarked
package dev.cloister.isolation.local.launch;

import org.jspecify.annotations.NullMarked;
