package dev.cloister.core.egress;

import dev.cloister.core.reach.HostCredential;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Set;

/** Reads what stands in for a tenant at a host, each time anew, so that a change counts at once. */
final class Secrets {
    private static final Set<PosixFilePermission> OTHERS =
            EnumSet.complementOf(EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE));

    private Secrets() {}

    /**
     * @return the value of the header {@code Authorization}
     * @throws IOException if the file cannot be read, can be read by others than its owner, or does not hold one line
     */
    static String authorization(HostCredential credential) throws IOException {
        return switch (credential.secret()) {
            case HostCredential.Secret.Kept(String value) -> value;
            case HostCredential.Secret.InFile(Path path) -> read(path);
        };
    }

    private static String read(Path file) throws IOException {
        if (Files.getPosixFilePermissions(file).stream().anyMatch(OTHERS::contains)) {
            throw new IOException(file + " can be read by others than its owner; chmod 600 it");
        }
        // One more than may be there, and the end of the line.
        byte[] start;
        try (InputStream in = Files.newInputStream(file)) {
            start = in.readNBytes(HostCredential.LONGEST_VALUE + 3);
        }
        String value = new String(start, StandardCharsets.ISO_8859_1).strip();
        if (!HostCredential.isValue(value)) {
            // Not what stands there.
            throw new IOException(file + " must hold one line, such as `Basic` or `Bearer` and what belongs to it");
        }
        return value;
    }
}
