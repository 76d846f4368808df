package dev.cloister.core.upstream;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;

/**
 * An answer whose body is still arriving.
 *
 * @param headers names in lower case
 */
public record UpstreamResponse(int status, Map<String, String> headers, InputStream body) implements AutoCloseable {
    public UpstreamResponse {
        headers = Map.copyOf(headers);
    }

    @Override
    public void close() throws IOException {
        body.close();
    }
}
