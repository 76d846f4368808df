package dev.cloister.isolation.tck;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A victim's directories, looked at from the host; or by programs in the victim's own place, where the host does not show them.
 *
 * @param home what attacks are told of them: their names on the host, or else the victim's own
 */
record Tree(Tenant victim, boolean onHost, String home, String work) {
    private static final String LOOK = Texts.of("tree.py");

    static Tree onHost(Tenant victim) {
        return new Tree(victim, true, victim.home().toString(), victim.work().toString());
    }

    /** @param token what the victim has written into its files */
    static Tree of(Tenant victim, String token) throws IOException, InterruptedException {
        Path secret = victim.home().resolve("secret");
        if (Files.exists(secret) && Files.readString(secret).contains(token)) {
            return onHost(victim);
        }
        List<String> names = victim.run(List.of("/bin/sh", "-c", "echo \"$HOME\"; pwd; cat \"$HOME/secret\""), Map.of())
                .lines()
                .toList();
        if (names.size() != 3 || !names.getLast().contains(token)) {
            throw new IOException("the victim's files are seen neither from the host nor by itself: " + names);
        }
        return new Tree(victim, false, names.get(0), names.get(1));
    }

    /** Names, kinds, permissions and contents of all that is in them. */
    SortedMap<String, String> look() throws IOException, InterruptedException {
        return onHost ? fromHost() : fromInside();
    }

    private SortedMap<String, String> fromInside() throws IOException, InterruptedException {
        return victim.run(List.of("python3", "-c", LOOK, home, work), Map.of())
                .lines()
                .map(line -> line.split("\t", 2))
                .collect(Collectors.toMap(line -> line[0], line -> line[1], (one, _) -> one, TreeMap::new));
    }

    private SortedMap<String, String> fromHost() throws IOException {
        SortedMap<String, String> all = new TreeMap<>();
        for (Path root : List.of(victim.home(), victim.work())) {
            Files.walkFileTree(root, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                    all.put(directory.toString(), look(directory, attributes));
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    all.put(file.toString(), look(file, attributes));
                    return FileVisitResult.CONTINUE;
                }
            });
        }
        return all;
    }

    private static String look(Path path, BasicFileAttributes attributes) {
        try {
            String mode = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) + " "
                    + Files.getAttribute(path, "unix:nlink", LinkOption.NOFOLLOW_LINKS);
            // A directory counts its subdirectories, which are listed anyway.
            return attributes.isRegularFile()
                    ? mode + " " + Files.readString(path, StandardCharsets.ISO_8859_1)
                    : attributes.isDirectory() ? "" : mode;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
