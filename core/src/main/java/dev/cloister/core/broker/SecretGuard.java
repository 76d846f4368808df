package dev.cloister.core.broker;

import dev.cloister.core.upstream.Credential;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Knows the real secret and finds it in what is about to enter a sandbox. Thread-safe. */
final class SecretGuard {
    /** No upstream issues a credential this short, and a short word would be found in ordinary text. */
    private static final int SHORTEST = 16;

    private static final String REMOVED = "[removed]";

    private final String secret;
    private final byte[] bytes;
    /** For each length of a matched prefix: the longest shorter prefix that is also its suffix (Knuth-Morris-Pratt). */
    private final int[] fallback;

    SecretGuard(Credential credential) {
        this.secret = credential.secret().length() < SHORTEST ? "" : credential.secret();
        this.bytes = secret.getBytes(StandardCharsets.UTF_8);
        this.fallback = new int[bytes.length + 1];
        int length = 0;
        for (int i = 1; i < bytes.length; i++) {
            while (length > 0 && bytes[i] != bytes[length]) {
                length = fallback[length];
            }
            if (bytes[i] == bytes[length]) {
                length++;
            }
            fallback[i + 1] = length;
        }
    }

    boolean isIn(String text) {
        return !secret.isEmpty() && text.contains(secret);
    }

    String without(String text) {
        return secret.isEmpty() ? text : text.replace(secret, REMOVED);
    }

    Stream stream() {
        return new Stream();
    }

    /**
     * Watches one body. Holds back only bytes that may be the secret's beginning, so an ordinary event goes through at
     * once. One thread.
     */
    final class Stream {
        private int matched;
        private boolean found;

        /** The bytes that may go on now: those held back before and the new ones, less what is held back now. */
        byte[] pass(byte[] chunk, int length) {
            if (bytes.length == 0) {
                return Arrays.copyOf(chunk, length);
            }
            int heldBefore = matched;
            for (int i = 0; i < length && !found; i++) {
                while (matched > 0 && chunk[i] != bytes[matched]) {
                    matched = fallback[matched];
                }
                if (chunk[i] == bytes[matched]) {
                    matched++;
                }
                found = matched == bytes.length;
            }
            if (found) {
                return new byte[0];
            }
            byte[] all = new byte[heldBefore + length];
            System.arraycopy(bytes, 0, all, 0, heldBefore);
            System.arraycopy(chunk, 0, all, heldBefore, length);
            return Arrays.copyOf(all, all.length - matched);
        }

        /** What is still held back when the body has ended. */
        byte[] end() {
            return found ? new byte[0] : Arrays.copyOf(bytes, matched);
        }

        /** From now on nothing may go on. */
        boolean found() {
            return found;
        }
    }
}
