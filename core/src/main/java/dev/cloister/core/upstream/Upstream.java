package dev.cloister.core.upstream;

import java.io.IOException;

/** A Messages API. Thread-safe. */
public interface Upstream extends AutoCloseable {
    /** For people and logs; holds no secret. */
    String description();

    /**
     * Sends one request and returns as soon as status and headers are known; the body streams. The caller closes the
     * response.
     *
     * @throws IOException if the upstream could not be reached or did not answer in time
     */
    UpstreamResponse send(UpstreamRequest request) throws IOException, InterruptedException;

    @Override
    void close();
}
