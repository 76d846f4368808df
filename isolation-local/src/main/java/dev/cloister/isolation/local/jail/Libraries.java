package dev.cloister.isolation.local.jail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Where the loader finds libraries on a host, in the order of ld.so(8) without its cache. */
record Libraries(Path host, List<String> directories) {
    private static final int DEEPEST = 8;
    /** Built into the loaders of the distributions. */
    private static final List<String> STANDARD = List.of(
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/lib/aarch64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/lib64",
            "/usr/lib64",
            "/lib",
            "/usr/lib");

    static Libraries of(Path host) throws IOException {
        Set<String> found = new LinkedHashSet<>();
        configured(host, host.resolve("etc/ld.so.conf"), found, 0);
        found.addAll(STANDARD);
        return new Libraries(host, List.copyOf(found));
    }

    private static void configured(Path host, Path file, Set<String> into, int depth) throws IOException {
        if (depth > DEEPEST || !Files.isRegularFile(file)) {
            return;
        }
        for (String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
            String text = line.replaceFirst("#.*", "").strip();
            if (text.startsWith("include ")) {
                for (Path included :
                        glob(host, text.substring("include ".length()).strip())) {
                    configured(host, included, into, depth + 1);
                }
            } else if (text.startsWith("/")) {
                into.add(text);
            }
        }
    }

    private static List<Path> glob(Path host, String pattern) throws IOException {
        Path full = host.resolve(pattern.startsWith("/") ? pattern.substring(1) : "etc/" + pattern);
        Path parent = full.getParent();
        List<Path> found = new ArrayList<>();
        if (parent != null && Files.isDirectory(parent)) {
            try (DirectoryStream<Path> entries =
                    Files.newDirectoryStream(parent, full.getFileName().toString())) {
                entries.forEach(found::add);
            }
        }
        found.sort(null);
        return found;
    }

    /** @param user the inner path of the file that needs it */
    Optional<String> find(String name, String user, Elf elf) {
        if (name.contains("/")) {
            return exists(name) ? Optional.of(name) : Optional.empty();
        }
        String origin = user.substring(0, Math.max(1, user.lastIndexOf('/')));
        List<String> all = new ArrayList<>();
        for (String path : elf.runPath()) {
            all.add(path.replace("${ORIGIN}", origin).replace("$ORIGIN", origin));
        }
        all.addAll(directories);
        return all.stream()
                .map(directory -> Path.of(directory, name).normalize().toString())
                .filter(this::exists)
                .findFirst();
    }

    private boolean exists(String inner) {
        return inner.startsWith("/") && Files.isRegularFile(host.resolve(inner.substring(1)));
    }
}
