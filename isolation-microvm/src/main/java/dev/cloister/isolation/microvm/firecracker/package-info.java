/**
 * Machines by Firecracker, over its API on a unix socket. What is asked of it ({@link Requests}), its command line ({@link
 * Commands}) and its names for files ({@link Place}) are decided without any I/O.
 */
@NullMarked
package dev.cloister.isolation.microvm.firecracker;

import org.jspecify.annotations.NullMarked;
