package dev.cloister.core.reach;

import java.util.Optional;

/**
 * What a client in a sandbox wants to reach.
 *
 * @param http what it asks for, where the proxy can see it: in plain HTTP; empty for a tunnel
 */
public record EgressRequest(Destination host, int port, Optional<Http> http) {
    /** @param path as it was sent, without the query */
    public record Http(String method, String path) {}

    /** Host and port. */
    public String target() {
        return host.text() + ":" + port;
    }
}
