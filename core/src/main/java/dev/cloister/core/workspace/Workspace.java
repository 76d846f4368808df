package dev.cloister.core.workspace;

import dev.cloister.core.tenant.TenantId;
import java.nio.file.Path;

/**
 * A tenant's tree as it was found, checked, by {@link WorkspaceRoot#open}. Below {@code root} the tenant may change anything
 * at any moment: the server never uses these paths itself but hands them to what runs with the tenant's rights.
 *
 * @param uid owns the tree
 * @param work the tenant's code
 * @param home its HOME
 * @param tmp holds the temporary directories of its processes
 */
public record Workspace(TenantId tenant, long uid, Path root, Path work, Path home, Path tmp) {}
