package dev.cloister.spi;

import java.time.Duration;

/**
 * What the processes of one sandbox have used since it was prepared, as the kernel counts it.
 *
 * @param cpu processor time
 * @param throttled time in which they wanted to run and were held back by their limit
 * @param memory bytes in use now
 * @param memoryPeak the most bytes at once
 * @param oomKills how many processes were killed because the memory limit was reached
 * @param pidsRefused how many processes or threads were not started because the limit on them was reached
 */
public record Usage(Duration cpu, Duration throttled, long memory, long memoryPeak, long oomKills, long pidsRefused) {}
