/** File systems that hold only what the agent needs: planned from the host's files, built once, shared by all tenants. */
@NullMarked
package dev.cloister.isolation.local.jail;

import org.jspecify.annotations.NullMarked;
