package dev.cloister.isolation.local.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** A picture of all processes at one moment, from /proc; zombies are left out. */
public record ProcessTable(Map<Long, Entry> processes) {
    /** @param uid the real uid */
    public record Entry(long pid, long parent, long uid) {}

    private static final Path PROC = Path.of("/proc");
    private static final String PARENT = "PPid:\t";
    private static final String UID = "Uid:\t";

    public static ProcessTable read() throws IOException {
        Map<Long, Entry> found = new HashMap<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path entry : entries) {
                try {
                    parse(
                            Long.parseLong(entry.getFileName().toString()),
                            Files.readString(entry.resolve("status")),
                            found);
                } catch (IOException | NumberFormatException e) {
                    // It ended while we looked.
                    continue;
                }
            }
        }
        return new ProcessTable(Map.copyOf(found));
    }

    /** Whether a process was stopped, as by SIGSTOP, and not continued since. */
    public static boolean isStopped(long pid) {
        try (Stream<String> lines = Files.lines(PROC.resolve(pid + "/status"), StandardCharsets.ISO_8859_1)) {
            return lines.anyMatch(line -> line.startsWith("State:\tT"));
        } catch (IOException | UncheckedIOException e) {
            // It ended while we looked.
            return false;
        }
    }

    private static void parse(long pid, String status, Map<Long, Entry> into) {
        long parent = 0;
        long uid = -1;
        for (String line : status.lines().toList()) {
            // A table is read whenever something ends, and most lines are of no interest: no expressions here.
            if (line.startsWith("State:\tZ") || line.startsWith("State:\tX")) {
                return;
            } else if (line.startsWith(PARENT)) {
                parent = Long.parseLong(line.substring(PARENT.length()));
            } else if (line.startsWith(UID)) {
                // The real one, of four.
                uid = Long.parseLong(line.substring(UID.length(), line.indexOf('\t', UID.length())));
                break;
            }
        }
        into.put(pid, new Entry(pid, parent, uid));
    }

    public List<Long> ofUid(long uid) {
        return processes.values().stream()
                .filter(entry -> entry.uid() == uid)
                .map(Entry::pid)
                .toList();
    }

    /** The given processes and all that descend from them. */
    public Set<Long> trees(Set<Long> roots) {
        Map<Long, List<Long>> children = new HashMap<>();
        processes
                .values()
                .forEach(entry -> children.computeIfAbsent(entry.parent(), p -> new ArrayList<>())
                        .add(entry.pid()));
        Set<Long> found = new HashSet<>();
        List<Long> open = new ArrayList<>(roots);
        while (!open.isEmpty()) {
            Long pid = open.removeLast();
            if (found.add(pid)) {
                open.addAll(children.getOrDefault(pid, List.of()));
            }
        }
        return found;
    }
}
