/** How a server is put together: the only place that knows every part. */
@NullMarked
package dev.cloister.cli.wiring;

import org.jspecify.annotations.NullMarked;
