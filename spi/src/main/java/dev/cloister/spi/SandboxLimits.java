package dev.cloister.spi;

/**
 * What bounds the processes of one sandbox together, as far as the host can bound them.
 *
 * @param memory bytes, page cache and temporary files in memory included
 * @param cpus processors' worth of time; 0.5 is half of one
 * @param pids how many processes and threads there are at once
 * @param tmp bytes that fit into a sandbox's private {@code /tmp}, where the mode gives it one
 * @param openFiles how many files one process may have open
 */
public record SandboxLimits(long memory, double cpus, int pids, long tmp, int openFiles) {}
