/** Container mode: one container for each tenant, made by an engine that speaks Docker's API over a unix socket. */
@NullMarked
package dev.cloister.isolation.docker;

import org.jspecify.annotations.NullMarked;
