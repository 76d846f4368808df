package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The server's own place on the workspaces' file system. What goes to a tenant is finished here, owner and mode included,
 * and then renamed into place; what is taken from a tenant is renamed to here first. No tenant can reach it, so paths are
 * safe in it. Thread-safe.
 */
final class Staging {
    /**
     * Nobody but the owner: the tree above is 0700 already, and a tenant that opens that by mistake has still not opened its
     * files.
     */
    static final int DIRECTORY_MODE = 0700;

    static final int FILE_MODE = 0600;
    static final int EXECUTABLE_MODE = 0700;

    static final Path SPARE = Path.of("spare");

    private static final int CHUNK = 64 * 1024;

    private final Path directory;
    private final long serverUid;
    private final AtomicLong next = new AtomicLong();
    private final ReentrantLock spare = new ReentrantLock();

    Staging(Path directory, long serverUid) {
        this.directory = directory;
        this.serverUid = serverUid;
    }

    /** The caller closes it. */
    Handle hold() throws IOException {
        return Handle.ofOwn(directory);
    }

    /** Makes an empty directory that belongs to a tenant, and returns its name here. */
    Path directoryFor(long uid) throws IOException {
        Path name = ownDirectory();
        give(directory.resolve(name), uid, DIRECTORY_MODE);
        return name;
    }

    /** Makes a tenant's whole tree, and returns its name here. */
    Path treeFor(long uid, List<String> children) throws IOException {
        Path name = ownDirectory();
        Path tree = directory.resolve(name);
        for (String child : children) {
            give(Files.createDirectory(tree.resolve(child)), uid, DIRECTORY_MODE);
        }
        give(tree, uid, DIRECTORY_MODE);
        return name;
    }

    /**
     * Writes a whole file that belongs to a tenant to the disk, and returns its name here.
     *
     * @throws IOException if the content could not be read
     * @throws CloisterException TOO_LARGE if there is more of it than {@code maxBytes}; what the disk refuses
     */
    Path fileFor(long uid, InputStream content, long maxBytes, boolean executable) throws IOException {
        Path name = fresh();
        Path file = directory.resolve(name);
        boolean complete = false;
        try (FileChannel channel = create(file)) {
            byte[] chunk = new byte[CHUNK];
            long total = 0;
            for (int read = content.read(chunk); read >= 0; read = content.read(chunk)) {
                total += read;
                if (total > maxBytes) {
                    throw Failures.tooLarge(maxBytes);
                }
                write(channel, ByteBuffer.wrap(chunk, 0, read));
            }
            finish(channel, file, uid, executable);
            complete = true;
            return name;
        } finally {
            if (!complete) {
                Files.deleteIfExists(file);
            }
        }
    }

    private static FileChannel create(Path file) {
        try {
            return FileChannel.open(
                    file,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    private static void write(FileChannel channel, ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                int ignored = channel.write(bytes);
            }
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    private void finish(FileChannel channel, Path file, long uid, boolean executable) {
        try {
            give(file, uid, executable ? EXECUTABLE_MODE : FILE_MODE);
            // Before the rename: after a power cut the name must not stand for an empty file.
            channel.force(true);
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /** Removes what is still here of something that should have been renamed away; nothing of it is the tenant's yet. */
    void discard(Path name) throws IOException {
        Files.deleteIfExists(directory.resolve(name));
    }

    /** Makes an empty directory of the server's own, and returns its name here. */
    Path ownDirectory() throws IOException {
        while (true) {
            Path name = fresh();
            try {
                Files.createDirectory(
                        directory.resolve(name),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
                return name;
            } catch (FileAlreadyExistsException leftover) {
                // What a sweep could not remove keeps its name.
                continue;
            }
        }
    }

    /** Makes a directory to delete into when none can be made any more: on a disk that one tenant can fill. */
    void makeSpare() throws IOException {
        Path path = directory.resolve(SPARE);
        if (Files.notExists(path, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(
                    path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
    }

    /** Held by the one that uses {@link #SPARE}. */
    ReentrantLock spare() {
        return spare;
    }

    /** Removes everything that stands here: what a crash left. */
    void sweep() throws IOException {
        List<Path> leftovers = new ArrayList<>();
        try (DirectoryStream<Path> names = Files.newDirectoryStream(directory)) {
            names.forEach(path -> leftovers.add(path.getFileName()));
        }
        for (Path leftover : leftovers) {
            try (Handle here = hold()) {
                new Purge(this, serverUid).delete(here, leftover);
            }
        }
    }

    private Path fresh() {
        return Path.of(Long.toString(next.getAndIncrement()));
    }

    private void give(Path path, long uid, int mode) throws IOException {
        if (serverUid == 0) {
            Files.setAttribute(path, "unix:gid", (int) uid);
            Files.setAttribute(path, "unix:uid", (int) uid);
        }
        // Last, because a change of owner may clear bits, and the umask has had its say before.
        Files.setAttribute(path, "unix:mode", mode);
    }
}
