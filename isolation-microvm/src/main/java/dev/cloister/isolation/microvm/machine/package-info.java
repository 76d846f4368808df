/** What every hypervisor offers. */
@NullMarked
package dev.cloister.isolation.microvm.machine;

import org.jspecify.annotations.NullMarked;
