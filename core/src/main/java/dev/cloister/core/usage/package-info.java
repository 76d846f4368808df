/** What tenants used, and what it cost. */
@NullMarked
package dev.cloister.core.usage;

import org.jspecify.annotations.NullMarked;
