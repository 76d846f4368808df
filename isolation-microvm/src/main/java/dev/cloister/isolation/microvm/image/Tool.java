package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run of one of the host's programs, to its end and through no shell. Immutable and thread-safe.
 *
 * @param command the program by its name, then its arguments
 * @param directory where it runs; its relative paths are in reach there, whoever may enter what lies above
 * @param input its standard input, which {@link #INPUT} names too; empty: nothing
 */
record Tool(List<String> command, Optional<Path> directory, Optional<Path> input) {
    /** For programs that take a path: opening it asks for the rights to the file only, and not to the way there. */
    static final String INPUT = "/proc/self/fd/0";

    private static final Logger log = LoggerFactory.getLogger(Tool.class);
    private static final int KEPT = 4096;
    private static final List<String> FULL = List.of("No space left on device", "Disk quota exceeded");

    /** Root's PATH lacks the first two on some hosts. */
    private static final List<String> PLACES = List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin");

    private static final Map<String, String> PACKAGES = Map.of(
            "mke2fs", "e2fsprogs",
            "setpriv", "util-linux",
            "unshare", "util-linux",
            "depmod", "kmod",
            "xz", "xz-utils",
            "chmod", "coreutils",
            "cp", "coreutils",
            "rm", "coreutils",
            "mv", "coreutils",
            "find", "findutils");

    Tool {
        command = List.copyOf(command);
    }

    static Tool of(String... command) {
        return of(List.of(command));
    }

    static Tool of(List<String> command) {
        return new Tool(command, Optional.empty(), Optional.empty());
    }

    Tool with(String... more) {
        return new Tool(Stream.concat(command.stream(), Stream.of(more)).toList(), directory, input);
    }

    Tool in(Path place) {
        return new Tool(command, Optional.of(place), input);
    }

    Tool reading(Path file) {
        return new Tool(command, directory, Optional.of(file));
    }

    /** Under another uid and the gid of the same number, with no other groups; as it is if that is empty. */
    Tool as(Optional<Long> uid) {
        if (uid.isEmpty()) {
            return this;
        }
        String id = Long.toString(uid.get());
        return by("setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--");
    }

    /** Where nobody else sees what it mounts, and nothing of that is left when it ends. */
    Tool apart() {
        return by("unshare", "--mount", "--");
    }

    private Tool by(String... starter) {
        List<String> whole = new ArrayList<>(List.of(starter));
        whole.add(path(command.getFirst()).toString());
        whole.addAll(command.subList(1, command.size()));
        return new Tool(whole, directory, input);
    }

    /**
     * What came of it.
     *
     * @param printed all of its standard output
     * @param said the last of its standard error, on one line
     */
    record Ended(int exit, String printed, String said) {
        boolean diskFull() {
            return exit != 0 && FULL.stream().anyMatch(said::contains);
        }
    }

    /**
     * @return what it printed
     * @throws IsolationException if it is not installed or did not end with 0, with the last of what it said
     */
    String run() {
        Ended ended = end();
        if (ended.exit() != 0) {
            throw new IsolationException(new Finding(
                    command.getFirst() + " failed",
                    "it ended with " + ended.exit() + ": " + ended.said(),
                    ended.diskFull() ? "Make room on the disk." : "Mend what it names, and try again."));
        }
        return ended.printed();
    }

    /** @throws IsolationException if it is not installed or the caller was interrupted; then it was ended */
    Ended end() {
        List<String> whole = new ArrayList<>(command);
        whole.set(0, path(command.getFirst()).toString());
        ProcessBuilder builder = new ProcessBuilder(whole);
        // What they say is looked at.
        builder.environment().put("LC_ALL", "C.UTF-8");
        directory.ifPresent(place -> builder.directory(place.toFile()));
        builder.redirectInput(input.orElse(Path.of("/dev/null")).toFile());
        try {
            Process process = builder.start();
            try {
                StringBuilder said = new StringBuilder();
                Thread reader = Thread.ofPlatform().daemon(true).name("tool").start(() -> keepLast(process, said));
                String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                int exit = process.waitFor();
                reader.join();
                return new Ended(exit, printed, said.toString().strip().replaceAll("\\s*\n\\s*", "; "));
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IsolationException(
                    new Finding(command.getFirst() + " was stopped", "the server ends", "Try again."), e);
        }
    }

    private static void keepLast(Process process, StringBuilder said) {
        byte[] chunk = new byte[KEPT];
        try (InputStream in = process.getErrorStream()) {
            for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                said.append(new String(chunk, 0, count, StandardCharsets.UTF_8));
                said.delete(0, Math.max(0, said.length() - KEPT));
            }
        } catch (IOException e) {
            // It was ended; its exit status says enough.
            return;
        }
    }

    private static Path path(String name) {
        return PLACES.stream()
                .map(place -> Path.of(place, name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new IsolationException(new Finding(
                        name + " is not on this host",
                        "it is in none of " + String.join(", ", PLACES),
                        "apt-get install " + PACKAGES.getOrDefault(name, name))));
    }

    /** Removes a file or a tree of the server's own, but nothing that is mounted in it: for what was not finished. */
    static void discard(Path path) {
        try {
            of("rm", "-rf", "--one-file-system", "--", path.toString()).run();
        } catch (IsolationException | UncheckedIOException e) {
            log.warn("{} was left: {}", path, e.getMessage());
        }
    }
}
