package dev.cloister.cli.wiring;

import dev.cloister.core.audit.ChainedAudit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.ServerKey;
import dev.cloister.store.SqliteStore;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import org.jspecify.annotations.Nullable;

/** The server's own state on disk: 0700, and nobody's but the server's. */
public final class DataDirectory {
    private final Path directory;

    private DataDirectory(Path directory) {
        this.directory = directory;
    }

    /**
     * Opens the directory, made if it is not there.
     *
     * @throws CloisterException INTERNAL if it is not the server's, or others could enter it
     */
    public static DataDirectory open(Path directory) {
        try {
            if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
                Path parent = directory.toAbsolutePath().getParent();
                if (parent != null) {
                    Files.createDirectories(parent);
                }
                make(directory);
            }
            String mode =
                    PosixFilePermissions.toString(Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS));
            long owner = ((Number) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS)).longValue();
            if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
                    || !mode.equals("rwx------")
                    || owner != HostFacts.uid()) {
                throw unusable(
                        directory,
                        "it must be a directory of uid " + HostFacts.uid()
                                + " with mode 0700, and is of uid " + owner + " with " + mode
                                + "; run: chown " + HostFacts.uid() + " " + directory + " && chmod 700 " + directory);
            }
            Path keys = directory.resolve("keys");
            if (!Files.exists(keys)) {
                make(keys);
            }
            return new DataDirectory(directory);
        } catch (IOException e) {
            throw unusable(directory, e.toString());
        }
    }

    private static void make(Path directory) throws IOException {
        Files.createDirectory(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    private static CloisterException unusable(Path directory, String why) {
        return new CloisterException(ErrorCode.INTERNAL, "the data directory " + directory + " cannot be used: " + why);
    }

    /**
     * Claims the directory for one server; closing gives it back, and so does the server's death.
     *
     * @throws CloisterException CONFLICT if a server runs on it
     */
    FileLock lock() {
        try {
            FileChannel channel =
                    FileChannel.open(directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            @Nullable FileLock lock = claim(channel);
            if (lock == null) {
                channel.close();
                throw new CloisterException(
                        ErrorCode.CONFLICT,
                        "a server runs on the data directory " + directory
                                + " already; stop it, or give another --data");
            }
            return lock;
        } catch (IOException e) {
            throw unusable(directory, e.toString());
        }
    }

    private static @Nullable FileLock claim(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            // Held by this very JVM: the kernel's lock knows only processes.
            return null;
        }
    }

    public Store store() {
        // The SQLite library is unpacked here and not in /tmp, which others can write to and which may forbid programs.
        System.setProperty("org.sqlite.tmpdir", directory.toString());
        return SqliteStore.open(directory.resolve("cloister.db"));
    }

    public ServerKey identityKey() {
        return ServerKey.load(directory.resolve("keys/identity"));
    }

    public ServerKey auditKey() {
        return ServerKey.load(directory.resolve("keys/audit"));
    }

    ServerKey credentialsKey() {
        return ServerKey.load(directory.resolve("keys/credentials"));
    }

    /** Where the end of the audit log is noted. */
    public Path auditHead() {
        return directory.resolve("audit.head");
    }

    public ChainedAudit audit(Store store, Clock clock) {
        return new ChainedAudit(store, auditKey().bytes(), clock, auditHead());
    }
}
