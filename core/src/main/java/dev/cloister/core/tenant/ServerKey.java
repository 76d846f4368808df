package dev.cloister.core.tenant;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** A secret that the server made at its first start and keeps in a file of its own. Thread-safe. */
public final class ServerKey {
    private static final int LENGTH = 32;

    private final byte[] secret;

    private ServerKey(byte[] secret) {
        this.secret = secret;
    }

    /**
     * Reads the key, or makes it if there is none.
     *
     * @throws CloisterException INTERNAL if the file cannot be used, or if others than the server could read it
     */
    public static ServerKey load(Path file) {
        try {
            if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                byte[] secret = new byte[LENGTH];
                new SecureRandom().nextBytes(secret);
                // Written aside first: a crash must not leave half a key, which would lock every tenant out.
                Path aside = Files.createTempFile(
                        file.toAbsolutePath().getParent(),
                        "key",
                        "",
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
                Files.write(aside, secret);
                try {
                    Files.createLink(file, aside);
                } catch (FileAlreadyExistsException e) {
                    // Another process was faster; its key counts.
                    return load(file);
                } finally {
                    Files.delete(aside);
                }
            }
            if (!PosixFilePermissions.toString(Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS))
                    .equals("rw-------")) {
                throw new CloisterException(
                        ErrorCode.INTERNAL, "others may read the key " + file + "; run: chmod 600 " + file);
            }
            byte[] secret = Files.readAllBytes(file);
            if (secret.length != LENGTH) {
                throw new CloisterException(
                        ErrorCode.INTERNAL,
                        "the key " + file
                                + " is damaged: restore it from a backup; without it no tenant is recognised");
            }
            return new ServerKey(secret);
        } catch (IOException e) {
            throw new CloisterException(
                    ErrorCode.INTERNAL, "the key " + file + " cannot be used: " + e.getMessage(), e);
        }
    }

    /** What is remembered of a credential in its place. */
    public Fingerprint fingerprint(String credential) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            byte[] hash = mac.doFinal(credential.getBytes(StandardCharsets.UTF_8));
            return new Fingerprint(HexFormat.of().formatHex(Arrays.copyOf(hash, 16)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has HmacSHA256", e);
        }
    }

    /** The key itself, for a MAC that is not a fingerprint. */
    public byte[] bytes() {
        return secret.clone();
    }
}
