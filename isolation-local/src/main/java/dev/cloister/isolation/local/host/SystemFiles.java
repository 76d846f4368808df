package dev.cloister.isolation.local.host;

import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What of the host's system a sandbox shows: its programs and libraries, and of {@code /etc} the few files that programs need.
 *
 * @param steps brings them into a new root
 * @param readable the same as paths on the host, for Landlock
 */
public record SystemFiles(List<Step> steps, List<String> readable) {
    private static final List<String> TREES = List.of("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32");
    /**
     * Names below {@code /etc}, as globs. Nothing of this names users, keys, or the host. Each costs every launch a mount, so
     * only what programs read at work is here, not what only an administrator's tools do.
     */
    private static final List<String> SETTINGS = List.of(
            "ld.so.cache",
            "alternatives",
            "ssl",
            "pki",
            "crypto-policies",
            "localtime",
            "java-*",
            "maven",
            "python3.*");

    public SystemFiles {
        steps = List.copyOf(steps);
        readable = List.copyOf(readable);
    }

    /** Looks at this host. */
    public static SystemFiles ofHost() {
        return read(Path.of("/"));
    }

    static SystemFiles read(Path host) {
        List<Step> steps = new ArrayList<>();
        List<String> readable = new ArrayList<>();
        try {
            for (String tree : TREES) {
                Path path = host.resolve(tree.substring(1));
                if (Files.isSymbolicLink(path)) {
                    steps.add(new Step.Link(Files.readSymbolicLink(path).toString(), tree));
                } else if (Files.isDirectory(path)) {
                    steps.add(new Step.Readable(path, tree));
                    readable.add(tree);
                }
            }
            for (String glob : SETTINGS) {
                for (Path path : found(host.resolve("etc"), glob)) {
                    String inner = "/etc/" + path.getFileName();
                    steps.add(new Step.Readable(path, inner));
                    readable.add(inner);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the host's system files could not be looked at", e);
        }
        return new SystemFiles(steps, readable);
    }

    private static List<Path> found(Path directory, String glob) throws IOException {
        List<Path> found = new ArrayList<>();
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, glob)) {
                for (Path entry : entries) {
                    // A link that leads nowhere cannot be shown.
                    if (Files.isReadable(entry)) {
                        found.add(entry);
                    }
                }
            }
        }
        found.sort(null);
        return found;
    }
}
