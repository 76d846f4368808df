/** Conversations and their events. */
@NullMarked
package dev.cloister.core.session;

import org.jspecify.annotations.NullMarked;
