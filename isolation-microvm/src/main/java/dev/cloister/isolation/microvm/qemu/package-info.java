/** Machines by QEMU's machine type microvm, with hardware or by translation. */
@NullMarked
package dev.cloister.isolation.microvm.qemu;

import org.jspecify.annotations.NullMarked;
