/** The unix sockets through which sandboxes reach the server, and how HTTP is sent on from there. */
@NullMarked
package dev.cloister.core.socket;

import org.jspecify.annotations.NullMarked;
