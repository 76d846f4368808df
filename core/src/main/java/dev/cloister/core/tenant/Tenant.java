package dev.cloister.core.tenant;

/**
 * One user of the server.
 *
 * @param name what the operator calls it; empty where it admitted itself by a token
 * @param uid its own uid where the server is root, else the server's
 * @param createdAt milliseconds since the epoch
 */
public record Tenant(TenantId id, String name, long uid, boolean enabled, long createdAt) {}
