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
 * A directory of the server with a random name, which the tenant's group can enter (0710): the tenant reaches what stands in
 * it and can change nothing about it. Not thread-safe.
 */
public final class Share implements SharedDirectory {
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Path directory;
    private final long gid;
    private final boolean ownUid;
    private final String inner;

    private Share(Path directory, String inner, long gid, boolean ownUid) {
        this.directory = directory;
        this.inner = inner;
        this.gid = gid;
        this.ownUid = ownUid;
    }

    /** Makes a new, empty one for the group {@code gid}; without a uid of its own the tenant is the server's user. */
    static Share make(Path parent, long gid, boolean ownUid) {
        Path directory = parent.resolve(randomName());
        return make(directory, directory.toString(), gid, ownUid);
    }

    /** A new, empty one of the group {@code gid}, which the tenant finds below {@code innerParent}. */
    public static Share in(Path parent, String innerParent, long gid, boolean ownUid) {
        String name = randomName();
        return make(parent.resolve(name), innerParent + "/" + name, gid, ownUid);
    }

    /** A share within this one, which the tenant finds below {@code innerParent}. */
    public Share within(String innerParent) {
        return in(directory, innerParent, gid, ownUid);
    }

    /** Short: a unix socket's path may have 107 bytes. */
    private static String randomName() {
        byte[] random = new byte[6];
        RANDOM.nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    private static Share make(Path directory, String inner, long gid, boolean ownUid) {
        try {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Share share = new Share(directory, inner, gid, ownUid);
            share.open(directory, "rwx--x---");
            return share;
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the server could not make a directory for a launch",
                            e.toString(),
                            "Check the space, the owner and the mode of " + directory.getParent() + "."),
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
        return inner;
    }

    @Override
    public String publish(String name, byte[] content) {
        Path file = directory.resolve(name);
        try {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(file, content, StandardOpenOption.WRITE);
            open(file, "rw-r-----");
            return inner + "/" + name;
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

    /** Removes a file or a share with those in it, of this or of an earlier server. The tenant can have made none of it. */
    public static void delete(Path path) throws IOException {
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
                for (Path entry : entries) {
                    delete(entry);
                }
            } catch (NoSuchFileException e) {
                return;
            }
        }
        Files.deleteIfExists(path);
    }
}
