package dev.cloister.core.broker;

/** The four counts of a {@code usage} object. A later value replaces an earlier one, as the API's are cumulative. */
final class TokenCounter {
    /** Far above any real answer; keeps sums from overflowing if an upstream sends nonsense. */
    private static final long MOST = 1_000_000_000_000L;

    private long input;
    private long output;
    private long cacheWrite;
    private long cacheRead;

    void set(String field, long value) {
        long bounded = Math.clamp(value, 0, MOST);
        switch (field) {
            case "input_tokens" -> input = bounded;
            case "output_tokens" -> output = bounded;
            case "cache_creation_input_tokens" -> cacheWrite = bounded;
            case "cache_read_input_tokens" -> cacheRead = bounded;
            default -> {
                // Other fields of the object say nothing that is metered.
            }
        }
    }

    TokenUsage usage() {
        return new TokenUsage(input, output, cacheWrite, cacheRead);
    }
}
