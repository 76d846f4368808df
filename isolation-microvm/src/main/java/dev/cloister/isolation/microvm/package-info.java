/** MicroVM mode: one virtual machine with a kernel of its own for each tenant, run by QEMU or Firecracker. */
@NullMarked
package dev.cloister.isolation.microvm;

import org.jspecify.annotations.NullMarked;
