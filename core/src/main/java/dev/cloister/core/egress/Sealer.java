package dev.cloister.core.egress;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Seals short texts by AES-256-GCM, so that the database alone tells nobody; each is bound to what it belongs to. Thread-safe. */
final class Sealer {
    private static final String CIPHER = "AES/GCM/NoPadding";
    private static final int NONCE_BYTES = 12;
    private static final int TAG_BITS = 128;

    private final SecretKeySpec key;
    private final SecureRandom random = new SecureRandom();

    /** @param key of 32 bytes */
    Sealer(byte[] key) {
        this.key = new SecretKeySpec(key, "AES");
    }

    /** @param owner what it belongs to; nothing else opens it */
    String seal(String owner, String text) {
        byte[] nonce = new byte[NONCE_BYTES];
        random.nextBytes(nonce);
        try {
            byte[] secret = cipher(Cipher.ENCRYPT_MODE, nonce, owner).doFinal(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of()
                    .formatHex(ByteBuffer.allocate(NONCE_BYTES + secret.length)
                            .put(nonce)
                            .put(secret)
                            .array());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has " + CIPHER, e);
        }
    }

    /** @throws CloisterException INTERNAL if it was sealed with another key, for another owner, or was changed */
    String open(String owner, String text) {
        try {
            ByteBuffer all = ByteBuffer.wrap(HexFormat.of().parseHex(text));
            byte[] nonce = new byte[NONCE_BYTES];
            all.get(nonce);
            byte[] rest = new byte[all.remaining()];
            all.get(rest);
            return new String(cipher(Cipher.DECRYPT_MODE, nonce, owner).doFinal(rest), StandardCharsets.UTF_8);
        } catch (GeneralSecurityException | RuntimeException e) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "what is kept for a host cannot be opened: restore keys/credentials and the database from one backup",
                    e);
        }
    }

    private Cipher cipher(int mode, byte[] nonce, String owner) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance(CIPHER);
        cipher.init(mode, key, new GCMParameterSpec(TAG_BITS, nonce));
        cipher.updateAAD(owner.getBytes(StandardCharsets.UTF_8));
        return cipher;
    }
}
