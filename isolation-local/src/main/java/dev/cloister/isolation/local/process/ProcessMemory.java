package dev.cloister.isolation.local.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** What processes take of the machine's memory, from /proc. */
public final class ProcessMemory {
    private static final Path PROC = Path.of("/proc");
    private static final String PROPORTIONAL = "Pss:";
    /** What it maps of file systems in memory, and of files without a name. */
    private static final String SHARED = "Pss_Shmem:";

    private ProcessMemory() {}

    /**
     * The proportional set size of a process and of all that descend from it, in bytes; see proc_pid_smaps_rollup(5). Empty if
     * the kernel does not show it, or none of them lives.
     */
    public static OptionalLong ofTree(long root) {
        return ProcessHandle.of(root).stream()
                .flatMap(process -> Stream.concat(Stream.of(process), process.descendants()))
                .map(ProcessHandle::pid)
                .map(ProcessMemory::of)
                .flatMapToLong(OptionalLong::stream)
                .reduce(Long::sum);
    }

    /** The same of one process alone; empty for the kernel's own. */
    public static OptionalLong of(long pid) {
        return sum(pid, PROPORTIONAL);
    }

    /** The same without what is counted for the whole machine as Shmem, mapped or not; see proc_meminfo(5). */
    public static OptionalLong withoutShared(long pid) {
        OptionalLong all = sum(pid, PROPORTIONAL);
        OptionalLong shared = sum(pid, SHARED);
        return all.isPresent() && shared.isPresent()
                ? OptionalLong.of(all.getAsLong() - shared.getAsLong())
                : OptionalLong.empty();
    }

    private static OptionalLong sum(long pid, String field) {
        try (Stream<String> lines = Files.lines(PROC.resolve(pid + "/smaps_rollup"), StandardCharsets.ISO_8859_1)) {
            return lines.filter(line -> line.startsWith(field))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                    .findFirst();
        } catch (IOException | UncheckedIOException e) {
            // It ended while we looked, or is not ours to look at.
            return OptionalLong.empty();
        }
    }
}
