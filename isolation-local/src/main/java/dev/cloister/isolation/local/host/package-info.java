/** What of this host the plans are made for. */
@NullMarked
package dev.cloister.isolation.local.host;

import org.jspecify.annotations.NullMarked;
