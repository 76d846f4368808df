/** Who is asking: credentials, tenants, and where each tenant's uid comes from. */
@NullMarked
package dev.cloister.core.tenant;

import org.jspecify.annotations.NullMarked;
