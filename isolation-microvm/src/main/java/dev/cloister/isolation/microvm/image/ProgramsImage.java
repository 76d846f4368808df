package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * A read-only file system with the host's programs at the paths that they have on the host, and with files and places that machines
 * need beside them. It is made once for the same contents and kept between starts. Not thread-safe for one directory.
 */
public final class ProgramsImage {
    private static final String PREFIX = "programs-";
    private static final String IMAGE = ".ext4";
    private static final String TREE = ".tree";
    private static final String FRESH = ".new";

    /** Something that is no program of the host's. */
    public sealed interface Extra {
        /** Where in the image: absolute, without links and dots. */
        String path();

        record Text(String path, String content, boolean executable) implements Extra {}

        record Copy(String path, Path source, boolean executable) implements Extra {}

        /** Empty, for something to be mounted on. */
        record Directory(String path) implements Extra {}

        record Link(String path, String target) implements Extra {}
    }

    private ProgramsImage() {}

    /**
     * The image with these contents, made if there is none.
     *
     * @param directory an existing one, which only the server can write
     * @param programs absolute; of directories all that is in them. Links stay links, and what they lead to on the way to a program
     *     comes along. What not everybody may read is left out
     * @throws IsolationException if a program is missing or the image cannot be made; nothing half made is left
     */
    public static Path in(Path directory, List<Path> programs, List<Extra> extras) {
        try {
            StagedTree staged = StagedTree.of(programs, extras);
            String name = PREFIX + staged.fingerprint().substring(0, 16);
            Path image = directory.resolve(name + IMAGE);
            if (Files.isRegularFile(image)) {
                return image;
            }
            Path tree = directory.resolve(name + TREE);
            Path fresh = directory.resolve(name + FRESH);
            Tool.discard(tree);
            Files.deleteIfExists(fresh);
            try {
                staged.write(tree);
                Ext4.readOnly(fresh, tree);
            } finally {
                Tool.discard(tree);
            }
            Files.move(fresh, image, StandardCopyOption.ATOMIC_MOVE);
            Ext4.force(directory, StandardOpenOption.READ);
            return image;
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the image of programs for virtual machines could not be made",
                            e.toString(),
                            "Check the space and the owner of " + directory + ", and isolation.programs."),
                    e);
        }
    }

    /** Removes the images of a directory, and what crashes left of them, that are not in use. */
    public static void removeAllBut(Path directory, Collection<Path> used) {
        List<Path> old = new ArrayList<>();
        try (DirectoryStream<Path> images = Files.newDirectoryStream(directory, PREFIX + "*")) {
            for (Path image : images) {
                if (!used.contains(image)) {
                    old.add(image);
                }
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding("images cannot be listed", e.toString(), "Check the owner of " + directory + "."), e);
        }
        old.forEach(Tool::discard);
    }
}
