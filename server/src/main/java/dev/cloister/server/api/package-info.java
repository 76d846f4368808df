/** The routes: each reads a request, calls one service, and writes its answer. */
@NullMarked
package dev.cloister.server.api;

import org.jspecify.annotations.NullMarked;
