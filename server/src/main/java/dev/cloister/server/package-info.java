/** The HTTP server, put together. */
@NullMarked
package dev.cloister.server;

import org.jspecify.annotations.NullMarked;
