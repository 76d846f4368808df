package dev.cloister.core.broker;

/** Tokens of one answer, by kind. */
record TokenUsage(long input, long output, long cacheWrite, long cacheRead) {
    static final TokenUsage NONE = new TokenUsage(0, 0, 0, 0);
}
