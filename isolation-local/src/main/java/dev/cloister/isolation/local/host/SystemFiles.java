package dev.cloister.isolation.local.host;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What of the host's system a sandbox shows: its programs and libraries, and of {@code /etc} the few files that programs need.
 *
 * @param trees the directories with programs and libraries; where one is a link to another, that other alone
 * @param settings what is shown of {@code /etc}
 */
public record SystemFiles(List<String> trees, List<String> settings) {
    private static final List<String> TREES = List.of("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32");
    /** As globs. Nothing of this names users, keys, or the host. */
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
        trees = List.copyOf(trees);
        settings = List.copyOf(settings);
    }

    /** Looks at this host. */
    public static SystemFiles ofHost() {
        return read(Path.of("/"));
    }

    static SystemFiles read(Path host) {
        List<String> settings = new ArrayList<>();
        try {
            for (String glob : SETTINGS) {
                settings.addAll(found(host.resolve("etc"), glob));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the host's system files could not be looked at", e);
        }
        List<String> trees = TREES.stream()
                .filter(tree -> !Files.isSymbolicLink(host.resolve(tree.substring(1))))
                .filter(tree -> Files.isDirectory(host.resolve(tree.substring(1))))
                .toList();
        return new SystemFiles(trees, settings);
    }

    /** All of it. */
    public List<String> readable() {
        return Stream.concat(trees.stream(), settings.stream()).toList();
    }

    private static List<String> found(Path directory, String glob) throws IOException {
        List<String> found = new ArrayList<>();
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, glob)) {
                for (Path entry : entries) {
                    // A link that leads nowhere cannot be shown.
                    if (Files.isReadable(entry)) {
                        found.add("/etc/" + entry.getFileName());
                    }
                }
            }
        }
        found.sort(null);
        return found;
    }
}
