package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/** The file that a database lives in: a regular file that only its owner can read. */
final class DatabaseFile {
    private static final Set<PosixFilePermission> OWNER_ONLY =
            EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

    private DatabaseFile() {}

    /**
     * Creates it if it is not there, and checks it if it is. SQLite gives its {@code -wal} and {@code -shm} files the mode
     * of the database, so that they follow.
     *
     * <p>An existing file is never opened here: closing a descriptor of it would drop every lock that SQLite holds on it
     * in this process (fcntl(2), "Record locking").
     */
    static void prepare(Path file) {
        try {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } catch (FileAlreadyExistsException exists) {
            check(file);
        } catch (NoSuchFileException missing) {
            throw refused(
                    "the directory of the database " + file + " does not exist; create it with mode 0700", missing);
        } catch (IOException failure) {
            throw refused("the database " + file + " cannot be created; check the owner of its directory", failure);
        }
    }

    private static void check(Path file) {
        PosixFileAttributes attributes;
        try {
            attributes = Files.readAttributes(file, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (IOException failure) {
            throw refused("the database " + file + " cannot be examined; check the owner of its directory", failure);
        }
        if (!attributes.isRegularFile()) {
            throw new CloisterException(
                    ErrorCode.INTERNAL, "the database " + file + " is not a regular file; move it out of the way");
        }
        if (!OWNER_ONLY.containsAll(attributes.permissions())) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the database " + file + " is open to others than its owner; run: chmod 600 '" + file + "'");
        }
    }

    private static CloisterException refused(String message, IOException cause) {
        return new CloisterException(ErrorCode.INTERNAL, message, cause);
    }
}
