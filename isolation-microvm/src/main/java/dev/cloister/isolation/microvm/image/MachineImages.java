package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code cloister vm build} made: the kernel, its modules and the root that all machines share, read-only.
 *
 * @param modules in the order in which the guest loads them
 * @param kernelRelease as {@code uname -r} says it in the guest
 * @param fingerprint another one, if any of the files is another
 */
public record MachineImages(Path kernel, List<Path> modules, Path root, String kernelRelease, String fingerprint) {
    static final String KERNEL = "kernel";
    static final String ROOT = "root.ext4";
    static final String MODULES = "modules/";
    private static final String REMEDY = "Build them: cloister vm build; or name others by microvm.images.";

    public MachineImages {
        modules = List.copyOf(modules);
    }

    /**
     * Looks whether everything is there, at its size; contents are not read.
     *
     * @throws IsolationException if not
     */
    public static MachineImages open(Path directory) {
        try {
            Manifest manifest = manifest(directory);
            for (Map.Entry<String, Manifest.Content> one : manifest.files().entrySet()) {
                require(directory.resolve(one.getKey()), one.getValue().size());
            }
            return new MachineImages(
                    directory.resolve(KERNEL),
                    manifest.files().keySet().stream()
                            .filter(name -> name.startsWith(MODULES))
                            .sorted()
                            .map(directory::resolve)
                            .toList(),
                    directory.resolve(ROOT),
                    manifest.kernelRelease(),
                    Digest.of(directory.resolve(Manifest.FILE)));
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the images of virtual machines cannot be read",
                            e.toString(),
                            "Check the owner and the mode of " + directory + "."),
                    e);
        }
    }

    private static Manifest manifest(Path directory) throws IOException {
        Path file = directory.resolve(Manifest.FILE);
        if (!Files.isRegularFile(file)) {
            throw unusable("the images of virtual machines are missing", "there is no " + file);
        }
        Optional<Manifest> read = Manifest.read(file);
        if (read.isEmpty() || read.get().format() != Manifest.FORMAT) {
            throw unusable(
                    "the images of virtual machines are of another form",
                    file
                            + (read.isEmpty()
                                    ? " is no manifest"
                                    : " says format " + read.get().format()) + ", and this Cloister reads format "
                            + Manifest.FORMAT);
        }
        for (String name : List.of(KERNEL, ROOT)) {
            if (!read.get().files().containsKey(name)) {
                throw unusable("the images of virtual machines are incomplete", file + " has no " + name);
            }
        }
        return read.get();
    }

    private static void require(Path file, long size) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw unusable("the images of virtual machines are incomplete", "there is no " + file);
        }
        if (Files.size(file) != size) {
            throw unusable(
                    "the images of virtual machines are damaged",
                    file + " has " + Files.size(file) + " bytes, not " + size);
        }
    }

    private static IsolationException unusable(String what, String why) {
        return new IsolationException(new Finding(what, why, REMEDY));
    }
}
