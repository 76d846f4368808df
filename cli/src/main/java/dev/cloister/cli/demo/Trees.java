package dev.cloister.cli.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The trees of a server's tenants, on this host. */
public final class Trees {
    private Trees() {}

    /** @param workspaces where they stand; none are there before it is */
    public static List<Path> in(Path workspaces) throws IOException {
        if (!Files.isDirectory(workspaces)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(workspaces)) {
            return all.filter(tree -> Files.isDirectory(tree.resolve("work"))).toList();
        }
    }
}
