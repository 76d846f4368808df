/** Bytes to values and back: JSON bodies, queries, paths, server-sent events. */
@NullMarked
package dev.cloister.server.wire;

import org.jspecify.annotations.NullMarked;
