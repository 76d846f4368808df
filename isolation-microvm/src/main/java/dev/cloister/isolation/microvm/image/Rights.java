package dev.cloister.isolation.microvm.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Under which uid things are done. */
final class Rights {
    private Rights() {}

    /** The server's uid. */
    static long own() throws IOException {
        return ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue();
    }

    /** The uid to take for work on a tenant's files; empty if the server has it, or cannot take another. */
    static Optional<Long> of(long tenant) throws IOException {
        return own() == 0 && tenant != 0 ? Optional.of(tenant) : Optional.empty();
    }
}
