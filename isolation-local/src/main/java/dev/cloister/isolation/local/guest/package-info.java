/**
 * Launchers that run where the server itself cannot start them: in a container or a virtual machine, over one stream of bytes to
 * {@code cloister-guest}. What is in the guest can have fallen into the tenant's hands, so nothing that comes from it is believed
 * beyond its own sandbox.
 */
@NullMarked
package dev.cloister.isolation.local.guest;

import org.jspecify.annotations.NullMarked;
