@NullMarked
package dev.cloister.core.workspace;

import org.jspecify.annotations.NullMarked;
