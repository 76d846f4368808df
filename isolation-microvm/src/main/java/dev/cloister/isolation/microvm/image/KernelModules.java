package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which of a kernel's modules a machine loads, and in which order. Source: modules.dep(5): behind a module stand all that it needs,
 * those to load first last.
 */
final class KernelModules {
    /** What every machine needs; in this order. */
    private static final List<String> NEEDED = List.of(
            "virtio_ring",
            "virtio",
            "virtio_mmio",
            "virtio_console",
            "virtio_blk",
            // ext4 asks for it by what it does, and so no list of what ext4 needs has it.
            "crc32c_generic",
            "ext4",
            "overlay");

    /** What a machine is better with. */
    private static final List<String> WANTED = List.of(
            "virtio_rng", "virtio_balloon", "vsock", "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport");

    private final Path directory;
    private final Map<String, List<String>> lines = new HashMap<>();
    private final Set<String> builtIn = new HashSet<>();

    private KernelModules(Path directory) throws IOException {
        this.directory = directory;
        for (String line : Files.readAllLines(directory.resolve("modules.dep"))) {
            String[] sides = line.split(":", 2);
            if (sides.length == 2) {
                List<String> all = new ArrayList<>();
                all.add(sides[0]);
                Arrays.stream(sides[1].split("\\s+", -1))
                        .filter(path -> !path.isEmpty())
                        .forEach(all::add);
                lines.put(name(sides[0]), all.reversed());
            }
        }
        Files.readAllLines(directory.resolve("modules.builtin")).forEach(path -> builtIn.add(name(path)));
    }

    /**
     * In the order in which they are to be loaded; what is built into the kernel is not among them.
     *
     * @param directory a kernel's {@code /lib/modules/RELEASE}, with what depmod writes
     * @throws IsolationException if the kernel has not what machines need
     */
    static List<Path> ordered(Path directory) throws IOException {
        for (String list : List.of("modules.dep", "modules.builtin")) {
            if (!Files.isRegularFile(directory.resolve(list))) {
                throw new IsolationException(new Finding(
                        directory + " is no directory of a kernel's modules",
                        "it has no " + list,
                        "Name the /lib/modules/RELEASE of the kernel, after depmod."));
            }
        }
        return new KernelModules(directory).ordered();
    }

    private List<Path> ordered() {
        Set<String> paths = new LinkedHashSet<>();
        for (String name : NEEDED) {
            if (lines.containsKey(name)) {
                paths.addAll(lines.getOrDefault(name, List.of()));
            } else if (!builtIn.contains(name)) {
                throw new IsolationException(new Finding(
                        "the kernel does not suit virtual machines",
                        directory + " has no module " + name + ", and it is not built in",
                        "Take another kernel: Debian's linux-image-cloud has all."));
            }
        }
        WANTED.forEach(name -> paths.addAll(lines.getOrDefault(name, List.of())));
        return paths.stream().map(directory::resolve).toList();
    }

    /** As the kernel knows it. */
    static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1)
                .replaceFirst("\\.ko(\\.(gz|xz|zst))?$", "")
                .replace('-', '_');
    }
}
