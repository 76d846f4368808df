package dev.cloister.core.upstream;

import java.util.Map;

/**
 * One call, complete with the real credential's header.
 *
 * @param path begins with {@code /v1/}
 * @param query without the question mark; may be empty
 * @param headers names in lower case
 */
public record UpstreamRequest(String path, String query, Map<String, String> headers, byte[] body) {
    public UpstreamRequest {
        headers = Map.copyOf(headers);
    }

    @Override
    public String toString() {
        return "UpstreamRequest[" + path + ", " + body.length + " bytes]";
    }
}
