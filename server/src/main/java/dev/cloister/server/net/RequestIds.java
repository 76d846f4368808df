package dev.cloister.server.net;

import java.util.HexFormat;
import java.util.random.RandomGenerator;

/** Names for requests: {@code req_} and 24 hexadecimal characters. Thread-safe if its source is. */
public final class RequestIds {
    private final RandomGenerator random;

    public RequestIds(RandomGenerator random) {
        this.random = random;
    }

    String next() {
        byte[] bytes = new byte[12];
        random.nextBytes(bytes);
        return "req_" + HexFormat.of().formatHex(bytes);
    }
}
