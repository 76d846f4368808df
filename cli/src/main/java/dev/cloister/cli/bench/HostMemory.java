package dev.cloister.cli.bench;

import dev.cloister.isolation.local.process.ProcessMemory;
import dev.cloister.isolation.local.process.ProcessTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * The machine at a moment, to tell what came with tenants and went with them: by any mode, whoever started it.
 *
 * @param processes those that ran then
 * @param kernel bytes that the kernel had for itself
 * @param shared bytes of file systems in memory and of memory that is nobody's alone, mapped or not
 */
record HostMemory(Set<Long> processes, long kernel, long shared) {
    /** What the kernel takes for itself and cannot give back; see proc_meminfo(5). */
    private static final Set<String> OF_THE_KERNEL = Set.of("SUnreclaim:", "KernelStack:", "PageTables:", "Percpu:");

    private static final Set<String> SHARED = Set.of("Shmem:");

    private static final double MIB = 1 << 20;

    /**
     * What came since.
     *
     * @param processes bytes of each, its share of what it shares included but for what {@code shared} has
     * @param kernel bytes that the kernel took since, for whatever reason; may be negative
     * @param shared likewise what came of that
     */
    record Since(Map<Long, Long> processes, long kernel, long shared) {
        Since {
            processes = Map.copyOf(processes);
        }

        /** MiB of those processes that are gone by now, of what is shared, and the kernel's. */
        double mib(HostMemory after) {
            return processes.entrySet().stream()
                                    .filter(one -> !after.processes().contains(one.getKey()))
                                    .mapToLong(Map.Entry::getValue)
                                    .sum()
                            / MIB
                    + shared / MIB
                    + kernelMib();
        }

        double kernelMib() {
            return kernel / MIB;
        }
    }

    static HostMemory now() throws IOException {
        String meminfo = Files.readString(Path.of("/proc/meminfo"));
        return new HostMemory(
                Set.copyOf(ProcessTable.read().processes().keySet()), kernel(meminfo), sum(meminfo, SHARED));
    }

    /** What is there now and was not then. */
    Since since() throws IOException {
        HostMemory now = now();
        Map<Long, Long> came = new HashMap<>();
        now.processes().stream()
                .filter(pid -> !processes.contains(pid))
                .forEach(pid -> ProcessMemory.withoutShared(pid).ifPresent(bytes -> came.put(pid, bytes)));
        return new Since(came, now.kernel() - kernel, now.shared() - shared);
    }

    static long kernel(String meminfo) {
        return sum(meminfo, OF_THE_KERNEL);
    }

    private static long sum(String meminfo, Set<String> names) {
        return meminfo.lines()
                .map(line -> line.split(" +", -1))
                .filter(fields -> names.contains(fields[0]))
                .mapToLong(fields -> Long.parseLong(fields[1]) << 10)
                .sum();
    }
}
