package dev.cloister.spi;

/**
 * A way out of a sandbox's own network: whoever connects to the port of 127.0.0.1 inside reaches the unix socket.
 *
 * @param port from 1 to 65535
 * @param socket its path as the tenant's processes see it
 */
public record Forward(int port, String socket) {}
