package dev.cloister.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * What servers in temporary directories may have left.
 *
 * @param directories the temporary directories of one purpose
 * @param processes command lines of children of this JVM
 */
record Leftovers(List<Path> directories, List<String> processes) {
    static Leftovers now(String purpose) throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            List<Path> directories = files.filter(
                            file -> file.getFileName().toString().startsWith("cloister-" + purpose + "-"))
                    .sorted()
                    .toList();
            List<String> processes = ProcessHandle.current()
                    .descendants()
                    .map(child -> child.info().commandLine().orElse(""))
                    .filter(command -> command.contains("cloister-" + purpose + "-"))
                    .sorted()
                    .toList();
            return new Leftovers(directories, processes);
        }
    }
}
