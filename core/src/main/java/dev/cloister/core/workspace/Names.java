package dev.cloister.core.workspace;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HexFormat;

/** File names between Java, which sees text, and the kernel, which sees bytes. Pure. */
final class Names {
    private Names() {}

    /** @throws CloisterException INVALID_REQUEST if the server's locale has no such characters */
    static Path of(String component) {
        try {
            return Path.of(component);
        } catch (InvalidPathException e) {
            throw new CloisterException(
                    ErrorCode.INVALID_REQUEST,
                    "this server can only use ASCII names; its operator can change that by starting it with"
                            + " LC_ALL=C.UTF-8",
                    e);
        }
    }

    /**
     * The very bytes of a name, even where they are no valid text: a name that a tenant chose must not become another one
     * on its way through a String.
     */
    static byte[] bytes(Path path) {
        String text = path.toString();
        if (US_ASCII.newEncoder().canEncode(text)) {
            return text.getBytes(US_ASCII);
        }
        // The URI of a path is made from its bytes; nothing else public is.
        String raw = path.toUri().getRawPath();
        String trimmed = raw.endsWith("/") ? raw.substring(0, raw.length() - 1) : raw;
        byte[] encoded =
                (path.isAbsolute() ? trimmed : trimmed.substring(trimmed.lastIndexOf('/') + 1)).getBytes(ISO_8859_1);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(encoded.length);
        for (int i = 0; i < encoded.length; i++) {
            if (encoded[i] == '%') {
                bytes.write(HexFormat.fromHexDigits(new String(encoded, i + 1, 2, ISO_8859_1)));
                i += 2;
            } else {
                bytes.write(encoded[i]);
            }
        }
        return bytes.toByteArray();
    }
}
