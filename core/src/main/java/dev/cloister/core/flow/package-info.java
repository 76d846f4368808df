/** How what a process prints reaches the client that asked for it. */
@NullMarked
package dev.cloister.core.flow;

import org.jspecify.annotations.NullMarked;
