package dev.cloister.isolation.tck;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongPredicate;

/** The host's table of processes. */
final class HostProcesses {
    private HostProcesses() {}

    /** The pid, as the host numbers it, of a living process like that; 0 if there is none. */
    static long where(LongPredicate wanted) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path entry : entries) {
                long pid = Long.parseLong(entry.getFileName().toString());
                if (wanted.test(pid) && "ZX".indexOf(state(read(pid, "stat"))) < 0) {
                    return pid;
                }
            }
        }
        return 0;
    }

    /** A file of a process in /proc; empty if it ended while we looked, or is none of ours. */
    static String read(long pid, String file) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), file), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    /** The letter of proc(5) in a process's {@code stat}; X if there is none. */
    static char state(String stat) {
        int name = stat.lastIndexOf(')');
        return name < 0 ? 'X' : stat.charAt(name + 2);
    }
}
