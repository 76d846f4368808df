package dev.cloister.isolation.microvm.image;

import dev.cloister.isolation.microvm.image.ProgramsImage.Extra;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** What an image of programs holds, by path: planned by looking at the host, then written into a directory. */
final class StagedTree {
    private static final int FORM = 1;
    private static final int MOST_HOPS = 40;
    /** What a name becomes that this JVM's locale cannot spell; nothing asks for such a file by name. */
    private static final String UNMAPPABLE = "\uFFFD";

    private sealed interface Entry {
        record Directory() implements Entry {}

        record Link(String target) implements Entry {}

        /** @param mode empty: as the source has it */
        record Copy(Path source, Optional<String> mode) implements Entry {}

        record Text(String content, String mode) implements Entry {}
    }

    private final SortedMap<String, Entry> entries = new TreeMap<>();

    private StagedTree() {}

    /** @throws IsolationException if a program is missing, or not everybody may read it */
    static StagedTree of(List<Path> programs, List<Extra> extras) throws IOException {
        StagedTree tree = new StagedTree();
        for (Path program : programs) {
            tree.add(program);
        }
        extras.forEach(tree::add);
        return tree;
    }

    private void add(Extra extra) {
        Path path = Path.of(extra.path());
        if (!path.isAbsolute() || !path.equals(path.normalize()) || path.getParent() == null) {
            throw new IllegalArgumentException("not a path in an image: " + path);
        }
        for (Path above = path.getParent(); above.getParent() != null; above = above.getParent()) {
            entries.putIfAbsent(above.toString(), new Entry.Directory());
        }
        entries.put(
                path.toString(),
                switch (extra) {
                    case Extra.Text text -> new Entry.Text(text.content(), mode(text.executable()));
                    case Extra.Copy copy -> new Entry.Copy(copy.source(), Optional.of(mode(copy.executable())));
                    case Extra.Directory directory -> new Entry.Directory();
                    case Extra.Link link -> new Entry.Link(link.target());
                });
    }

    private static String mode(boolean executable) {
        return executable ? "rwxr-xr-x" : "rw-r--r--";
    }

    /** With every link on the way. */
    private void add(Path program) throws IOException {
        Deque<Path> left = new ArrayDeque<>();
        program.toAbsolutePath().forEach(left::add);
        Path at = Path.of("/");
        int hops = 0;
        while (!left.isEmpty()) {
            Path next = at.resolve(left.removeFirst()).normalize();
            if (Files.isSymbolicLink(next)) {
                if (++hops > MOST_HOPS) {
                    throw missing(program, "its links lead in a circle");
                }
                Path target = Files.readSymbolicLink(next);
                entries.putIfAbsent(next.toString(), new Entry.Link(target.toString()));
                at = target.isAbsolute() ? Path.of("/") : at;
                for (int i = target.getNameCount() - 1; i >= 0; i--) {
                    left.addFirst(target.getName(i));
                }
            } else if (!Files.exists(next, LinkOption.NOFOLLOW_LINKS)) {
                throw missing(program, "there is no " + next);
            } else {
                if (!left.isEmpty() && next.getParent() != null) {
                    entries.putIfAbsent(next.toString(), new Entry.Directory());
                }
                at = next;
            }
        }
        if (!addAll(at)) {
            throw missing(program, "it is no file or directory that everybody may read");
        }
    }

    private static IsolationException missing(Path program, String why) {
        return new IsolationException(new Finding(
                "a program for virtual machines is missing: " + program,
                why,
                "Install it, or take it out of isolation.programs."));
    }

    /** A file that not everybody may read is no tenant's business, whoever the server is. */
    private boolean addAll(Path path) throws IOException {
        if (path.toString().contains(UNMAPPABLE)) {
            return false;
        }
        if (Files.isSymbolicLink(path)) {
            entries.putIfAbsent(
                    path.toString(), new Entry.Link(Files.readSymbolicLink(path).toString()));
            return true;
        }
        boolean directory = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
        if (!directory && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)
                || !Files.getPosixFilePermissions(path).contains(PosixFilePermission.OTHERS_READ)) {
            return false;
        }
        if (!directory) {
            entries.putIfAbsent(path.toString(), new Entry.Copy(path, Optional.empty()));
            return true;
        }
        if (path.getParent() != null) {
            entries.putIfAbsent(path.toString(), new Entry.Directory());
        }
        try (DirectoryStream<Path> children = Files.newDirectoryStream(path)) {
            for (Path child : children) {
                addAll(child);
            }
        }
        return true;
    }

    /** Another one, if an image with this would be another. Files of the host count by size, time and mode. */
    String fingerprint() throws IOException {
        StringBuilder text = new StringBuilder("form " + FORM + "\n");
        for (var one : entries.entrySet()) {
            text.append(one.getKey()).append('\0');
            switch (one.getValue()) {
                case Entry.Directory directory -> text.append("directory");
                case Entry.Link link -> text.append("link\0").append(link.target());
                case Entry.Text(String content, String mode) ->
                    text.append("text\0").append(mode).append('\0').append(content);
                case Entry.Copy(Path source, Optional<String> mode) ->
                    text.append("copy\0")
                            .append(mode.isPresent() ? mode.get() : Files.getAttribute(source, "unix:mode"))
                            .append('\0')
                            .append(Files.size(source))
                            .append('\0')
                            .append(Files.getLastModifiedTime(source));
            }
            text.append("\0\n");
        }
        return Digest.of(text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** @param root does not exist yet. Files of the host are linked where that can be: nothing may be changed in it */
    void write(Path root) throws IOException {
        directory(root);
        for (var one : entries.entrySet()) {
            Path path = root.resolve(one.getKey().substring(1));
            switch (one.getValue()) {
                case Entry.Directory directory -> directory(path);
                case Entry.Link link -> Files.createSymbolicLink(path, Path.of(link.target()));
                case Entry.Text(String content, String mode) -> {
                    Files.writeString(path, content);
                    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
                }
                case Entry.Copy(Path source, Optional<String> mode) -> copy(source, path, mode);
            }
        }
    }

    private static void directory(Path path) throws IOException {
        Files.createDirectory(path);
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static void copy(Path source, Path path, Optional<String> mode) throws IOException {
        if (mode.isPresent()) {
            Files.copy(source, path);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode.get()));
            return;
        }
        try {
            Files.createLink(path, source);
        } catch (IOException | UnsupportedOperationException e) {
            // On another file system, or somebody else's.
            Files.copy(source, path);
            Files.setPosixFilePermissions(path, Files.getPosixFilePermissions(source));
        }
    }
}
