package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Share;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * What containers see of the server's own directories. It is kept between starts, because a container that outlives its server
 * still sees the directories that it was made with. Thread-safe for different tenants.
 */
final class Places {
    private static final List<String> BINARIES = List.of("cloister-launch", "cloister-guest");
    /** A unix socket's path may have 107 bytes, and a share and a socket come behind this. */
    private static final int NAME = 12;

    private final Path root;
    private final Path programs;

    private Places(Path root, Path programs) {
        this.root = root;
        this.programs = programs;
    }

    /** @param jails an existing directory that only the server can write and every tenant can walk through */
    static Places in(Path jails) {
        try {
            Path root = directory(jails.resolve("c"), "rwx--x--x");
            Path programs = directory(root.resolve("bin"), "rwxr-xr-x");
            for (String binary : BINARIES) {
                Path fresh = directory(root.resolve("new"), "rwx------");
                Files.deleteIfExists(fresh.resolve(binary));
                Path file = Launcher.unpack(binary, fresh);
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r-xr-xr-x"));
                // One that runs keeps the file that it was started from.
                Files.move(
                        file,
                        programs.resolve(binary),
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
                Files.delete(fresh);
            }
            return new Places(root, programs);
        } catch (IOException e) {
            throw unusable(jails, e);
        }
    }

    private static Path directory(Path path, String mode) throws IOException {
        if (!Files.isDirectory(path)) {
            Files.createDirectory(path);
        }
        return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
    }

    private static IsolationException unusable(Path where, IOException e) {
        return new IsolationException(
                new Finding(
                        "the directory for containers cannot be used",
                        e.toString(),
                        "Check the space, the owner and the mode of " + where + "."),
                e);
    }

    Path programs() {
        return programs;
    }

    private Path of(String tenant) {
        return root.resolve(tenant.length() > NAME ? tenant.substring(0, NAME) : tenant);
    }

    /** The tenant's own, with nothing in it but what every one has. */
    Path prepared(SandboxSpec tenant) {
        Path place = of(tenant.name());
        try {
            directory(place, "rwx--x--x");
            clear(directory(place.resolve("run"), "rwx--x--x"));
            write(place.resolve("passwd"), PrivateRoot.passwd(tenant.uid()));
            write(place.resolve("group"), PrivateRoot.group(tenant.uid()));
            return place;
        } catch (IOException e) {
            throw unusable(place, e);
        }
    }

    /** Into the same file: a container sees the one that stood there when it was started. */
    private static void write(Path file, String text) throws IOException {
        if (!Files.exists(file) || !Files.readString(file).equals(text)) {
            Files.writeString(file, text);
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }

    Share share(SandboxSpec tenant, boolean ownUid) {
        return Share.in(of(tenant.name()).resolve("run"), PrivateRoot.SHARE, tenant.uid(), ownUid);
    }

    /** Removes a tenant's, of whom there is no container any more. */
    void remove(String tenant) {
        try {
            Share.delete(of(tenant));
        } catch (IOException e) {
            throw unusable(of(tenant), e);
        }
    }

    private static void clear(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                Share.delete(entry);
            }
        }
    }
}
