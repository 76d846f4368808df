/** What sandboxes may reach of the network: nothing, unless the operator opened it by name. */
@NullMarked
package dev.cloister.core.egress;

import org.jspecify.annotations.NullMarked;
