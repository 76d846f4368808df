package dev.cloister.core.broker;

import java.util.Optional;

/**
 * Reads an answer's token counts beside the stream. It keeps a bounded part of the body, never throws because of what it
 * reads, and knows at any time what was counted so far, so that a call cut off in the middle is metered too. One thread.
 */
interface UsageMeter {
    /** The next bytes of the body, split anyhow. */
    void accept(byte[] bytes, int offset, int length);

    TokenUsage usage();

    /** The error with which a stream broke off after it had begun well. */
    Optional<StreamError> error();

    /**
     * What a stream says went wrong.
     *
     * @param type the Messages API's {@code error.type}
     */
    record StreamError(String type, String message) {}

    static UsageMeter forContentType(String contentType) {
        return contentType.startsWith("text/event-stream") ? new EventStreamMeter() : new DocumentMeter();
    }
}
