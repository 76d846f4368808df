/** The unix sockets through which sandboxes reach the server. */
@NullMarked
package dev.cloister.core.socket;

import org.jspecify.annotations.NullMarked;
