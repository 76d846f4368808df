package dev.cloister.core.workspace;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A hold on one file or directory, whatever becomes of its name: an O_PATH descriptor.
 *
 * <p>What is asked of a handle is asked of the very thing that was found, so between a check and a use nothing can be
 * swapped. java.nio reaches it as {@code /proc/self/fd/N}, which the kernel resolves to the held inode without walking any
 * name. Taking a hold opens nothing: a FIFO, a socket or a device cannot block it.
 *
 * <p>One thread at a time; whoever got it closes it. Close is idempotent.
 */
final class Handle implements AutoCloseable {
    private final int descriptor;
    private final AtomicBoolean held = new AtomicBoolean(true);

    private Handle(int descriptor) {
        this.descriptor = descriptor;
    }

    /** Holds what stands at a path all of whose directories are the server's own; the last component is not followed. */
    static Handle ofOwn(Path path) throws IOException {
        int answer = Posix.hold(Posix.AT_FDCWD, Names.bytes(path.toAbsolutePath()));
        if (answer == -Posix.ENOENT) {
            throw new NoSuchFileException(path.toString());
        }
        return ofAnswer(answer);
    }

    /** Holds what stands in this directory under a name, be it a link; null if nothing does. */
    @Nullable
    Handle child(Path name) {
        int answer = Posix.hold(descriptor, Names.bytes(name));
        return answer == -Posix.ENOENT ? null : ofAnswer(answer);
    }

    private static Handle ofAnswer(int answer) {
        if (answer < 0) {
            throw Failures.of(answer);
        }
        return new Handle(answer);
    }

    /** What is held. */
    Inode inode() throws IOException {
        return Inode.read(path());
    }

    /** What stands in this directory under a name now, a link itself; null if nothing does. */
    @Nullable
    Inode inode(Path name) throws IOException {
        try {
            return Inode.read(path().resolve(name), LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException absent) {
            return null;
        }
    }

    /** The names in this directory; the caller closes the stream. */
    DirectoryStream<Path> names() throws IOException {
        return Files.newDirectoryStream(path());
    }

    /**
     * Opens what is held, a regular file, for reading; the channel outlives the handle.
     *
     * <p>Opening a regular file can block too, for as long as its owner holds a write lease on it. So it is opened without
     * blocking first; while that descriptor is open, no such lease can be taken, and the channel follows.
     */
    SeekableByteChannel read() throws IOException {
        int answer = Posix.openForReading(path().toString().getBytes(US_ASCII));
        try (Handle opened = ofAnswer(answer)) {
            return FileChannel.open(opened.path(), StandardOpenOption.READ);
        }
    }

    void changeMode(int mode) throws IOException {
        Files.setAttribute(path(), "unix:mode", mode);
    }

    /** Gives what is held, be it a link itself, to a uid and to the group of the same number. */
    void changeOwner(long uid) throws IOException {
        Files.setAttribute(path(), "unix:gid", (int) uid);
        Files.setAttribute(path(), "unix:uid", (int) uid);
    }

    /**
     * How often something stands anywhere.
     *
     * @param inode its number on its file system
     * @param names how many names it has there
     */
    record Linked(long inode, int names) {}

    Linked linked() throws IOException {
        Map<String, Object> attributes = Files.readAttributes(path(), "unix:ino,nlink");
        return new Linked(
                ((Number) Objects.requireNonNull(attributes.get("ino"))).longValue(),
                ((Number) Objects.requireNonNull(attributes.get("nlink"))).intValue());
    }

    /** Moves a name of this directory to another one, as {@link Posix#rename} does; answers as it does. */
    int move(Path name, Handle target, Path targetName) {
        return Posix.rename(descriptor, Names.bytes(name), target.descriptor, Names.bytes(targetName));
    }

    int unlink(Path name) {
        return Posix.unlink(descriptor, Names.bytes(name));
    }

    int removeDirectory(Path name) {
        return Posix.removeDirectory(descriptor, Names.bytes(name));
    }

    private Path path() {
        return Path.of("/proc/self/fd", Integer.toString(descriptor));
    }

    @Override
    public void close() {
        // A number closed twice may by then belong to somebody else.
        if (held.compareAndSet(true, false)) {
            int ignored = Posix.close(descriptor);
        }
    }
}
