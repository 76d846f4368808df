package dev.cloister.core.egress;

import dev.cloister.core.reach.HostCredential;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads what stands in for a tenant at a host, each time anew, so that a change counts at once. */
final class Secrets {
    private static final int MOST_BYTES = 8192;
    private static final Pattern VALUE = Pattern.compile("[\\x21-\\x7e]+( [\\x21-\\x7e]+)*");
    private static final Set<PosixFilePermission> OTHERS =
            EnumSet.complementOf(EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE));

    private Secrets() {}

    /**
     * @return the value of the header {@code Authorization}
     * @throws IOException if the file cannot be read, can be read by others than its owner, or does not hold one line
     */
    static String authorization(HostCredential credential) throws IOException {
        Path file = credential.file();
        if (Files.getPosixFilePermissions(file).stream().anyMatch(OTHERS::contains)) {
            throw new IOException(file + " can be read by others than its owner; chmod 600 it");
        }
        if (Files.size(file) > MOST_BYTES) {
            throw new IOException(file + " is larger than " + MOST_BYTES + " bytes");
        }
        String value = Files.readString(file, StandardCharsets.ISO_8859_1).strip();
        if (!VALUE.matcher(value).matches()) {
            // Not what stands there.
            throw new IOException(file + " must hold one line, such as `Basic` or `Bearer` and what belongs to it");
        }
        return value;
    }
}
