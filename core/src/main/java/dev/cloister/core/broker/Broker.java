package dev.cloister.core.broker;

import java.nio.file.Path;

/** The server's proxy for model calls: one unix socket per session. Thread-safe. */
public interface Broker extends AutoCloseable {
    /**
     * Binds a socket at {@code socket}, whose directory must exist and be closed to everybody but the server and the
     * tenant, and serves the session through it.
     *
     * @throws dev.cloister.core.error.CloisterException INTERNAL if the path is longer than the 106 bytes that
     *     Java allows a unix socket's path
     */
    BrokerChannel open(Path socket, BrokerSession session);

    @Override
    void close();
}
