package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;

/** Rules for text from clients. Pure. */
public final class Texts {
    private static final int SHOWN = 80;

    private Texts() {}

    /** @throws CloisterException INVALID_REQUEST for a NUL or half of a surrogate pair, saying where in the text it is */
    static void require(String where, String text, boolean nulAllowed) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == 0 && !nulAllowed) {
                throw CloisterException.invalid(where + " holds a NUL character at position " + i + "; remove it");
            }
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(c)) {
                throw CloisterException.invalid(
                        where + " holds half of a surrogate pair at position " + i + "; send complete characters");
            }
        }
    }

    /** A name that a client chose, made fit for a message: short, visible ASCII. */
    public static String shown(String name) {
        String cut = name.length() > SHOWN ? name.substring(0, SHOWN) + "…" : name;
        return cut.replaceAll("[^\\x20-\\x7e…]", "?");
    }
}
