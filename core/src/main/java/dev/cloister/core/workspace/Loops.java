package dev.cloister.core.workspace;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** What is behind the host's loop devices now. Stateless. */
final class Loops {
    private static final Path DEVICES = Path.of("/sys/block");

    private Loops() {}

    /** The file behind a device, as the kernel names it; empty if it is no loop device, or has none. */
    static Optional<String> file(String device) throws IOException {
        return device.startsWith("/dev/loop")
                ? behind(DEVICES.resolve(device.substring("/dev/".length())))
                : Optional.empty();
    }

    /** The files behind all of them. */
    static Set<String> files() throws IOException {
        Set<String> files = new HashSet<>();
        try (DirectoryStream<Path> devices = Files.newDirectoryStream(DEVICES, "loop*")) {
            for (Path device : devices) {
                behind(device).ifPresent(files::add);
            }
        }
        return files;
    }

    private static Optional<String> behind(Path device) throws IOException {
        try {
            return Optional.of(
                    Files.readString(device.resolve("loop/backing_file")).strip());
        } catch (NoSuchFileException free) {
            return Optional.empty();
        }
    }
}
