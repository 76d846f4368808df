/**
 * What virtual machines are made of: kernel, first root and file systems, as files. File systems are written by e2fsprogs and never
 * mounted here, so nothing of this needs a capability of the kernel's.
 */
@NullMarked
package dev.cloister.isolation.microvm.image;

import org.jspecify.annotations.NullMarked;
