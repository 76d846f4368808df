package dev.cloister.core.sandbox;

import dev.cloister.spi.Usage;
import java.time.Duration;

/**
 * What a tenant's processes used of the machine, over any time.
 *
 * @param cpu processor time
 * @param throttled time in which they were held back by their limit
 * @param memoryPeak the most bytes at once; zero or more, as all of these
 * @param oomKills processes killed because the memory limit was reached
 * @param pidsRefused processes or threads not started because the limit on them was reached
 */
public record SandboxUsage(Duration cpu, Duration throttled, long memoryPeak, long oomKills, long pidsRefused) {
    public static final SandboxUsage NONE = new SandboxUsage(Duration.ZERO, Duration.ZERO, 0, 0, 0);

    /** Both together: of the peak the greater, of all else the sum. */
    public SandboxUsage plus(SandboxUsage more) {
        return new SandboxUsage(
                cpu.plus(more.cpu),
                throttled.plus(more.throttled),
                Math.max(memoryPeak, more.memoryPeak),
                oomKills + more.oomKills,
                pidsRefused + more.pidsRefused);
    }

    static SandboxUsage of(Usage usage) {
        return new SandboxUsage(
                usage.cpu(), usage.throttled(), usage.memoryPeak(), usage.oomKills(), usage.pidsRefused());
    }

    /** What came since an earlier reading of the same sandbox; its peak is still that of the whole time. */
    SandboxUsage since(SandboxUsage earlier) {
        return new SandboxUsage(
                positive(cpu.minus(earlier.cpu)),
                positive(throttled.minus(earlier.throttled)),
                memoryPeak,
                Math.max(0, oomKills - earlier.oomKills),
                Math.max(0, pidsRefused - earlier.pidsRefused));
    }

    private static Duration positive(Duration duration) {
        return duration.isNegative() ? Duration.ZERO : duration;
    }
}
