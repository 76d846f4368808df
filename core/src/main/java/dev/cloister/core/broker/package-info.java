/** The only way from a sandbox to the model, and the only holder of real credentials. */
@NullMarked
package dev.cloister.core.broker;

import org.jspecify.annotations.NullMarked;
