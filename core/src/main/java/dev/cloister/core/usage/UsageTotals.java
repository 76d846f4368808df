package dev.cloister.core.usage;

/** Sums over usage records of one model. */
public record UsageTotals(
        String model,
        long calls,
        long inputTokens,
        long outputTokens,
        long cacheWriteTokens,
        long cacheReadTokens,
        long costMicros) {
    /** Of no call at all. */
    public static final UsageTotals NONE = new UsageTotals("", 0, 0, 0, 0, 0, 0);
}
