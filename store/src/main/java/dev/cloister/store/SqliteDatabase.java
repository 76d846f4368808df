package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * The connections to one database file: one that writes and a few that read. Thread-safe. A write waits for the writes of
 * this process by a lock and for those of other processes by SQLite's own; reads see the last commit and wait for nobody.
 */
final class SqliteDatabase implements AutoCloseable {
    /** How long another process may hold the database before a call gives up. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final int READERS = Math.max(4, Runtime.getRuntime().availableProcessors());

    private final Path file;
    private final ConnectionPool writer;
    private final ConnectionPool readers;
    private final Jdbi writing;
    private final Jdbi reading;
    private final ReentrantLock writeLock = new ReentrantLock(true);
    private final AtomicBoolean closed = new AtomicBoolean();

    private SqliteDatabase(Path file) {
        this.file = file;
        // The file's URI, because a question mark in a plain path would begin the driver's options.
        String url = "jdbc:sqlite:" + file.toUri();
        this.writer = new ConnectionPool(1, () -> openWriter(url));
        this.readers = new ConnectionPool(READERS, () -> openReader(url));
        this.writing = Jdbi.create(writer);
        this.reading = Jdbi.create(readers);
    }

    /** Opens the file, which is made if there is none; the caller owns the result. */
    static SqliteDatabase open(Path file) {
        Path absolute = file.toAbsolutePath();
        DatabaseFile.prepare(absolute);
        NativeLibrary.load(absolute.resolveSibling("."));
        SqliteDatabase database = new SqliteDatabase(absolute);
        try {
            // Readers can only join a database that a writer has put into WAL mode.
            database.write(Handle::isClosed);
            return database;
        } catch (CloisterException failure) {
            database.close();
            throw failure;
        }
    }

    Path file() {
        return file;
    }

    /** One query; it needs no transaction to see one state. */
    <T> T query(Function<Handle, T> work) {
        return translated(() -> reading.withHandle(work::apply));
    }

    /** One read transaction: every query in it sees the same state. */
    <T> T read(Function<Handle, T> work) {
        return translated(() -> reading.inTransaction(work::apply));
    }

    /**
     * One write transaction, which no other runs beside and which survives a loss of power once this returns. The work must
     * not call {@code write} again.
     */
    <T> T write(Function<Handle, T> work) {
        return write(SQLiteConfig.SynchronousMode.FULL, work);
    }

    /**
     * As {@link #write}, but a loss of power may undo the last of these: they do not wait for the disk. The death of the
     * process undoes none, and a later {@link #write} makes those before it safe too.
     */
    <T> T writeWithoutWaiting(Function<Handle, T> work) {
        return write(SQLiteConfig.SynchronousMode.NORMAL, work);
    }

    private <T> T write(SQLiteConfig.SynchronousMode mode, Function<Handle, T> work) {
        if (writeLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("a function given to the store must not change the store itself");
        }
        writeLock.lock();
        try {
            return translated(() -> writing.withHandle(handle -> {
                handle.execute("PRAGMA synchronous = " + mode.getValue());
                return handle.inTransaction(work::apply);
            }));
        } finally {
            writeLock.unlock();
        }
    }

    /** Waits for a running write. Reads that are under way end normally. */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        writeLock.lock();
        try {
            readers.close();
            writer.close();
        } finally {
            writeLock.unlock();
        }
    }

    private interface Work<T> {
        T run();
    }

    private <T> T translated(Work<T> work) {
        if (closed.get()) {
            throw closedException();
        }
        try {
            return work.run();
        } catch (JdbiException failure) {
            throw translate(failure);
        }
    }

    /** Passes on what SQLite said and not what Jdbi adds: its messages hold the values of the statement. */
    private CloisterException translate(JdbiException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ConnectionPool.ClosedException) {
                return closedException();
            }
            if (cause instanceof SQLiteException sqlite) {
                return new CloisterException(codeOf(sqlite.getResultCode()), messageOf(sqlite.getResultCode()), sqlite);
            }
        }
        return new CloisterException(ErrorCode.INTERNAL, "the database " + file + " failed; see the server's log");
    }

    private static ErrorCode codeOf(SQLiteErrorCode code) {
        return isBusy(code) ? ErrorCode.OVERLOADED : ErrorCode.INTERNAL;
    }

    private String messageOf(SQLiteErrorCode code) {
        if (isBusy(code)) {
            return "the database " + file + " is held by another process; try again";
        }
        if (code == SQLiteErrorCode.SQLITE_FULL) {
            return "the disk of the database " + file + " is full; free some space";
        }
        if (code == SQLiteErrorCode.SQLITE_NOTADB || primary(code) == SQLiteErrorCode.SQLITE_CORRUPT.code) {
            return "the database " + file + " is damaged or not a database; restore it from a backup";
        }
        return "the database " + file + " failed with " + code.name() + "; see the server's log";
    }

    private static boolean isBusy(SQLiteErrorCode code) {
        int primary = primary(code);
        return primary == SQLiteErrorCode.SQLITE_BUSY.code || primary == SQLiteErrorCode.SQLITE_LOCKED.code;
    }

    /** The family of an extended result code is its lowest byte. */
    private static int primary(SQLiteErrorCode code) {
        return code.code & 0xff;
    }

    private static CloisterException closedException() {
        return new CloisterException(ErrorCode.NOT_READY, "the store is closed: the server is stopping; try again");
    }

    private static SQLiteConfig commonConfig() {
        SQLiteConfig config = new SQLiteConfig();
        config.setBusyTimeout((int) PATIENCE.toMillis());
        config.enforceForeignKeys(true);
        return config;
    }

    private static Connection openWriter(String url) throws SQLException {
        SQLiteConfig config = commonConfig();
        // BEGIN IMMEDIATE: a transaction that starts as a reader and then writes can fail after its work is done.
        config.setTransactionMode(SQLiteConfig.TransactionMode.IMMEDIATE);
        Connection connection = config.createConnection(url);
        try {
            enterWalMode(connection);
            return connection;
        } catch (SQLException failure) {
            connection.close();
            throw failure;
        }
    }

    private static Connection openReader(String url) throws SQLException {
        SQLiteConfig config = commonConfig();
        config.setReadOnly(true);
        return config.createConnection(url);
    }

    /** SQLite does not wait for its busy time-out here when two processes open a new file at once, so this does. */
    private static void enterWalMode(Connection connection) throws SQLException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try (Statement statement = connection.createStatement();
                    ResultSet mode = statement.executeQuery("PRAGMA journal_mode = WAL")) {
                if (mode.next() && "wal".equals(mode.getString(1))) {
                    return;
                }
                throw new SQLException(
                        "this file system cannot hold a database in WAL mode; put the data directory on a local disk");
            } catch (SQLiteException busy) {
                if (!isBusy(busy.getResultCode()) || System.nanoTime() - deadline > 0) {
                    throw busy;
                }
                pause();
            }
        }
    }

    private static void pause() throws SQLException {
        try {
            Thread.sleep(Duration.ofMillis(5));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new SQLException("interrupted while the database was opened", interrupted);
        }
    }
}
