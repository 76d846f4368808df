package dev.cloister.isolation.local.cgroup;

import java.io.IOException;
import java.nio.file.Path;

/** The files by which a kernel shows and takes the figures of control groups. */
public interface ControlFiles {
    /** @throws java.nio.file.NoSuchFileException if this kernel does not have it */
    String read(Path file) throws IOException;

    /** Hands the whole value over in one call, as the kernel wants it; never makes a file. */
    void write(Path file, String value) throws IOException;
}
