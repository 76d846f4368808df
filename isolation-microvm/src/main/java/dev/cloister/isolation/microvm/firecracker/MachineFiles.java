package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Lays a machine's files out and takes them away: all that is written of {@link Place}. Stateless and thread-safe. */
final class MachineFiles {
    private static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private MachineFiles() {}

    /**
     * Makes the directory in which a machine works, with what it uses by the names that it knows. In a jail they are hard links, for
     * nothing else leads out of one that needs no mount; elsewhere symbolic ones.
     */
    static void lay(Place place, Map<String, Path> files) throws IOException {
        Files.createDirectories(place.root(), PRIVATE);
        if (place.jail().isPresent()) {
            Files.createSymbolicLink(place.door(), place.root());
        }
        for (Map.Entry<String, Path> file : files.entrySet()) {
            Path link = place.root().resolve(file.getKey());
            Path target = file.getValue().toRealPath();
            if (place.jail().isPresent()) {
                link(link, target);
            } else {
                Files.createSymbolicLink(link, target);
            }
        }
    }

    private static void link(Path link, Path target) throws IOException {
        try {
            Files.createLink(link, target);
        } catch (NoSuchFileException e) {
            throw e;
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "a file cannot be linked into a machine's jail",
                            target + " to " + link + ": " + e.getMessage(),
                            "Keep kernels, disks and saved machines on the file system of the jails' base directory."),
                    e);
        }
    }

    /** Moves what a machine that was saved consists of into {@code directory}, where nobody can change it any more. */
    static void keep(Place place, Path directory) throws IOException {
        for (String name : Place.savedNames()) {
            Path written = place.root().resolve(name);
            if (!Files.isRegularFile(written, LinkOption.NOFOLLOW_LINKS)) {
                throw new IOException(written + " is no file");
            }
            Path kept = directory.resolve(name);
            Files.move(written, kept);
            // Those who start from it read it as their memory, each as a uid of its own.
            Files.setOwner(kept, Files.getOwner(directory));
            Files.setPosixFilePermissions(kept, PosixFilePermissions.fromString("r--r--r--"));
        }
    }

    /** Takes away all that was laid out, but nothing that it led to. Nothing of the machine may run. */
    static void clear(Place place) throws IOException {
        Files.deleteIfExists(place.complaints());
        if (place.jail().isPresent()) {
            Files.deleteIfExists(place.door());
        }
        delete(place.jail().orElse(place.root()));
    }

    /** Takes away control groups that are empty. */
    static void clear(List<Path> groups) throws IOException {
        for (Path group : groups) {
            Files.deleteIfExists(group);
        }
    }

    private static void delete(Path tree) throws IOException {
        if (!Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(tree, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                    throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
