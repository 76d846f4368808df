package dev.cloister.cli.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;

/**
 * A place for a server that is there for a while only. Closing it removes it with all in it; by then nothing may run there any
 * more, or somebody could swap what is removed.
 */
public record TemporaryDirectory(Path path) implements AutoCloseable {
    /** @param purpose a word for its name */
    public static TemporaryDirectory make(String purpose) {
        try {
            Path path = Files.createTempDirectory("cloister-" + purpose + "-");
            // Every tenant's uid walks through to its own directories.
            Files.setPosixFilePermissions(
                    path, PosixFilePermissions.fromString(HostFacts.uid() == 0 ? "rwx--x--x" : "rwx------"));
            return new TemporaryDirectory(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (!Files.exists(path)) {
            return;
        }
        try {
            Files.walkFileTree(path, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException e) throws IOException {
                    Files.delete(visited);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(path + " could not be removed", e);
        }
    }
}
