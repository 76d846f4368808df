package dev.cloister.core.sandbox;

import dev.cloister.core.tenant.TenantId;
import java.nio.channels.SocketChannel;
import java.util.Optional;

/** The ways to servers that tenants run in their sandboxes. Thread-safe. */
@FunctionalInterface
public interface Ports {
    /**
     * Connects to a server of a tenant's, and of no other's.
     *
     * @param port from 1 to 65535
     * @return a connection that blocks and is the caller's; empty if nothing that runs now listens there
     */
    Optional<SocketChannel> connect(TenantId tenant, int port);
}
