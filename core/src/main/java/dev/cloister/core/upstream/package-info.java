/** Where model calls go: a real Messages API, or the scripted one. */
@NullMarked
package dev.cloister.core.upstream;

import org.jspecify.annotations.NullMarked;
