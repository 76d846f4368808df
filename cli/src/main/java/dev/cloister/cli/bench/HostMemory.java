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
 */
record HostMemory(Set<Long> processes, long kernel) {
    /** What the kernel takes for itself and cannot give back; see proc_meminfo(5). */
    private static final Set<String> OF_THE_KERNEL = Set.of("SUnreclaim:", "KernelStack:", "PageTables:", "Percpu:");

    private static final double MIB = 1 << 20;

    /**
     * What came since.
     *
     * @param processes bytes of each, its share of what it shares included
     * @param kernel bytes that the kernel took since, for whatever reason; may be negative
     */
    record Since(Map<Long, Long> processes, long kernel) {
        Since {
            processes = Map.copyOf(processes);
        }

        /** MiB of those processes that are gone by now, and the kernel's. */
        double mib(HostMemory after) {
            return processes.entrySet().stream()
                                    .filter(one -> !after.processes().contains(one.getKey()))
                                    .mapToLong(Map.Entry::getValue)
                                    .sum()
                            / MIB
                    + kernelMib();
        }

        double kernelMib() {
            return kernel / MIB;
        }
    }

    static HostMemory now() throws IOException {
        return new HostMemory(
                Set.copyOf(ProcessTable.read().processes().keySet()),
                kernel(Files.readString(Path.of("/proc/meminfo"))));
    }

    /** What is there now and was not then. */
    Since since() throws IOException {
        HostMemory now = now();
        Map<Long, Long> came = new HashMap<>();
        now.processes().stream()
                .filter(pid -> !processes.contains(pid))
                .forEach(pid -> ProcessMemory.of(pid).ifPresent(bytes -> came.put(pid, bytes)));
        return new Since(came, now.kernel() - kernel);
    }

    static long kernel(String meminfo) {
        return meminfo.lines()
                .map(line -> line.split(" +", -1))
                .filter(fields -> OF_THE_KERNEL.contains(fields[0]))
                .mapToLong(fields -> Long.parseLong(fields[1]) << 10)
                .sum();
    }
}
