package dev.cloister.core.tenant;

import java.util.regex.Pattern;

/**
 * What the server remembers of a client's credential: HMAC-SHA-256 under a key only the server has, the first 128 bits in
 * hex. A bare hash would let anybody who sees it test guesses.
 */
public record Fingerprint(String value) {
    private static final Pattern SHAPE = Pattern.compile("[0-9a-f]{32}");

    public Fingerprint {
        if (!SHAPE.matcher(value).matches()) {
            throw new IllegalArgumentException("a fingerprint is 32 lower-case hexadecimal characters");
        }
    }
}
