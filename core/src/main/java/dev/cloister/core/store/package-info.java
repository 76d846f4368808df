/** What must survive a restart, behind one interface. */
@NullMarked
package dev.cloister.core.store;

import org.jspecify.annotations.NullMarked;
