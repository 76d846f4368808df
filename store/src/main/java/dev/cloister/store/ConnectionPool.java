package dev.cloister.store;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;
import org.jdbi.v3.core.ConnectionFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Connections to one file, opened on demand up to a number and kept until the pool is closed. Thread-safe. */
final class ConnectionPool implements ConnectionFactory, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ConnectionPool.class);

    /** How a connection is made. */
    interface Opener {
        Connection open() throws SQLException;
    }

    /** The pool was closed before the connection was asked for. */
    static final class ClosedException extends SQLException {
        ClosedException() {
            super("the connection pool is closed");
        }
    }

    private final Semaphore permits;
    private final Opener opener;
    private final Deque<Connection> idle = new ArrayDeque<>();
    private boolean closed;

    ConnectionPool(int size, Opener opener) {
        this.permits = new Semaphore(size, true);
        this.opener = opener;
    }

    /** Waits until one is free. */
    @Override
    public Connection openConnection() throws SQLException {
        permits.acquireUninterruptibly();
        try {
            Connection kept = takeIdle();
            return kept == null ? opener.open() : kept;
        } catch (SQLException | RuntimeException failure) {
            permits.release();
            throw failure;
        }
    }

    @Override
    public void closeConnection(Connection connection) throws SQLException {
        try {
            // One that could not be rolled back would hold its lock for ever.
            if (!connection.getAutoCommit() || !keep(connection)) {
                connection.close();
            }
        } finally {
            permits.release();
        }
    }

    /** Closes what is idle now and the rest as it comes back. Idempotent. */
    @Override
    public synchronized void close() {
        closed = true;
        while (!idle.isEmpty()) {
            try {
                idle.pop().close();
            } catch (SQLException failure) {
                LOG.warn("a database connection could not be closed", failure);
            }
        }
    }

    private synchronized @Nullable Connection takeIdle() throws SQLException {
        if (closed) {
            throw new ClosedException();
        }
        return idle.poll();
    }

    private synchronized boolean keep(Connection connection) {
        if (!closed) {
            idle.push(connection);
        }
        return !closed;
    }
}
