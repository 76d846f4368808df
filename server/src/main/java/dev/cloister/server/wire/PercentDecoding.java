package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** RFC 3986 percent-decoding, strict and exactly once. Pure. */
final class PercentDecoding {
    private PercentDecoding() {}

    /**
     * @param what for the message, such as "the path"
     * @throws CloisterException INVALID_REQUEST if an escape is broken or the bytes are not UTF-8
     */
    static String decode(String what, String raw) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(raw.length());
        int i = 0;
        while (i < raw.length()) {
            int character = raw.codePointAt(i);
            if (character == '%') {
                bytes.write(escaped(what, raw, i));
                i += 3;
            } else {
                bytes.writeBytes(Character.toString(character).getBytes(StandardCharsets.UTF_8));
                i += Character.charCount(character);
            }
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes.toByteArray()))
                    .toString();
        } catch (CharacterCodingException e) {
            throw CloisterException.invalid(what + " is not UTF-8; percent-encode its UTF-8 bytes");
        }
    }

    private static int escaped(String what, String raw, int at) {
        // Not Character.digit: it also takes the digits of other scripts.
        if (at + 2 >= raw.length()
                || !HexFormat.isHexDigit(raw.charAt(at + 1))
                || !HexFormat.isHexDigit(raw.charAt(at + 2))) {
            throw CloisterException.invalid(what + " holds a broken percent escape; write a percent sign as %25");
        }
        return HexFormat.fromHexDigits(raw, at + 1, at + 3);
    }
}
