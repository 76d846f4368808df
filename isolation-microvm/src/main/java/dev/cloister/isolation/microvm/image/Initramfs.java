package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * The first root of a machine: its init and the modules of its kernel, as an archive that the kernel unpacks into memory. Not
 * compressed: to unpack it costs a start more than to read it. Source: the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst, "newc".
 */
public final class Initramfs {
    private static final int DIRECTORY = 0040755;
    private static final int PROGRAM = 0100755;
    private static final int FILE = 0100644;
    private static final int CONSOLE = 0020600;
    private static final int ALIGNMENT = 4;
    private static final List<String> DIRECTORIES = List.of("dev", "proc", "sys", "modules", "root");

    private final OutputStream out;
    private long written;
    private int inode;

    private Initramfs(OutputStream out) {
        this.out = out;
    }

    /**
     * Writes it as a whole or not at all, over what was there. It holds {@code /init}, {@code /dev/console}, the empty directories
     * {@code /proc}, {@code /sys} and {@code /root}, and the modules in {@code /modules} under the names that they have.
     *
     * @param target in a directory that only the server can write
     * @param init a static program
     * @param modules in the order in which init loads them, and so in the order of their names
     * @throws IsolationException if it could not be written
     */
    public static void write(Path target, Path init, List<Path> modules) {
        Path fresh = target.resolveSibling(target.getFileName() + ".new");
        try {
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(fresh))) {
                new Initramfs(out).all(init, modules);
            }
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            Tool.discard(fresh);
            throw new IsolationException(
                    new Finding(
                            "the first root of virtual machines could not be written",
                            e.toString(),
                            "Check the space and the owner of " + target.getParent() + "."),
                    e);
        }
    }

    private void all(Path init, List<Path> modules) throws IOException {
        for (String directory : DIRECTORIES) {
            entry(directory, DIRECTORY, 2, 0, 0, 0);
        }
        entry("dev/console", CONSOLE, 1, 0, 5, 1);
        file("init", PROGRAM, init);
        for (Path module : modules) {
            file("modules/" + module.getFileName(), FILE, module);
        }
        inode = -1;
        entry("TRAILER!!!", 0, 1, 0, 0, 0);
    }

    private void file(String name, int mode, Path source) throws IOException {
        byte[] content = Files.readAllBytes(source);
        entry(name, mode, 1, content.length, 0, 0);
        put(content);
        align();
    }

    /** Owner and time are root's and zero, so that the same files make the same archive. */
    private void entry(String name, int mode, int links, int size, int major, int minor) throws IOException {
        inode++;
        byte[] bytes = (name + '\0').getBytes(StandardCharsets.UTF_8);
        put("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
                .formatted(inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, bytes.length, 0)
                .getBytes(StandardCharsets.US_ASCII));
        put(bytes);
        align();
    }

    private void put(byte[] bytes) throws IOException {
        out.write(bytes);
        written += bytes.length;
    }

    private void align() throws IOException {
        while (written % ALIGNMENT != 0) {
            out.write(0);
            written++;
        }
    }
}
