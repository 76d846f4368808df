package dev.cloister.isolation.local.guest;

import dev.cloister.spi.Usage;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What one use of a guest takes of what its control group counts, which counts on from use to use, and begins anew where the guest was
 * started again meanwhile: what it had counted after the last look is then lost. Memory is the group's, and so is its peak. Thread-safe.
 */
final class UseMeter {
    private static final Usage NONE = new Usage(Duration.ZERO, Duration.ZERO, 0, 0, 0, 0);

    private Usage before = NONE;
    private Usage carried = NONE;
    private @Nullable Usage last;

    /** All until now was not this use's. Only the first time counts. */
    synchronized void begin(Usage now) {
        if (last == null) {
            before = now;
            last = now;
        }
    }

    /** Whether {@link #begin} would count no more. */
    synchronized boolean hasBegun() {
        return last != null;
    }

    /** What the use has taken so far. */
    synchronized Usage read(Usage now) {
        @Nullable Usage earlier = last;
        if (earlier == null) {
            return NONE;
        }
        if (now.cpu().compareTo(earlier.cpu()) < 0) {
            carried = plus(carried, earlier, before);
            before = NONE;
        }
        last = now;
        return plus(carried, now, before);
    }

    /** {@code sum + to - from}, with the memory of {@code to}. */
    private static Usage plus(Usage sum, Usage to, Usage from) {
        return new Usage(
                sum.cpu().plus(to.cpu()).minus(from.cpu()),
                sum.throttled().plus(to.throttled()).minus(from.throttled()),
                to.memory(),
                Math.max(sum.memoryPeak(), to.memoryPeak()),
                sum.oomKills() + to.oomKills() - from.oomKills(),
                sum.pidsRefused() + to.pidsRefused() - from.pidsRefused());
    }
}
