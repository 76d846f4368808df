package dev.cloister.isolation.local.launch;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SharedDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * A directory {@code <run root>/<random>} of the server, which the tenant's group can enter (0710): the tenant reaches what
 * stands in it and can change nothing about it. Not thread-safe.
 */
public final class Share implements SharedDirectory {
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Path directory;
    private final long gid;
    private final boolean ownUid;

    private Share(Path directory, long gid, boolean ownUid) {
        this.directory = directory;
        this.gid = gid;
        this.ownUid = ownUid;
    }

    /** Makes a new, empty one for the group {@code gid}; without a uid of its own the tenant is the server's user. */
    public static Share make(Path runRoot, long gid, boolean ownUid) {
        byte[] name = new byte[8];
        RANDOM.nextBytes(name);
        // A short name: a unix socket's path may have 107 bytes.
        Path directory = runRoot.resolve(HexFormat.of().formatHex(name));
        try {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Share share = new Share(directory, gid, ownUid);
            share.open(directory, "rwx--x---");
            return share;
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the server could not make a directory for a launch",
                            e.toString(),
                            "Check the space, the owner and the mode of " + runRoot + "."),
                    e);
        }
    }

    private void open(Path path, String permissions) throws IOException {
        if (ownUid) {
            Files.setAttribute(path, "unix:gid", (int) gid, LinkOption.NOFOLLOW_LINKS);
        }
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    @Override
    public Path host() {
        return directory;
    }

    @Override
    public String inner() {
        return directory.toString();
    }

    @Override
    public String publish(String name, byte[] content) {
        return put(name, content, "rw-r-----");
    }

    /** Writes a file that the tenant can read and append to. */
    void publishWritable(String name) {
        put(name, new byte[0], "rw-rw----");
    }

    private String put(String name, byte[] content, String permissions) {
        Path file = directory.resolve(name);
        try {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(file, content, StandardOpenOption.WRITE);
            open(file, permissions);
            return file.toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void admit(Path socket) {
        if (!directory.equals(socket.getParent())) {
            throw new IllegalArgumentException("not a socket of this directory: " + socket);
        }
        try {
            open(socket, "rw-rw----");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Removes a share, of this or of an earlier server. The tenant cannot have made directories in it. */
    public static void delete(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                Files.deleteIfExists(entry);
            }
        } catch (NoSuchFileException e) {
            return;
        }
        Files.deleteIfExists(directory);
    }
}
