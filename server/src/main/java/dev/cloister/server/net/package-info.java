/** Connections: receiving in time, noticing that a client went away, and what every answer has in common. */
@NullMarked
package dev.cloister.server.net;

import org.jspecify.annotations.NullMarked;
