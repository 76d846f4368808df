package dev.cloister.core.audit;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The arithmetic of the chain: pure functions of a key. Thread-safe. */
final class AuditChain {
    /** What the first entry has in the place of the hash of the entry before. */
    static final String START = "0".repeat(64);

    private static final String ALGORITHM = "HmacSHA256";
    private static final int SHORTEST_KEY = 32;

    // Each kind of statement has its own name in front, so that no entry can be passed off as a head or the reverse.
    private static final String ENTRY = "cloister audit entry 1";
    private static final String HEAD = "cloister audit head 1";

    private final Key key;

    AuditChain(byte[] key) {
        if (key.length < SHORTEST_KEY) {
            throw new IllegalArgumentException("an audit key has " + SHORTEST_KEY + " bytes or more");
        }
        this.key = new SecretKeySpec(key, ALGORITHM);
    }

    String hashOf(long seq, long at, String actor, String action, String detail, String previous) {
        return seal(ENTRY, Long.toString(seq), Long.toString(at), actor, action, detail, previous);
    }

    boolean isGenuine(AuditEntry entry) {
        String expected =
                hashOf(entry.seq(), entry.at(), entry.actor(), entry.action(), entry.detail(), entry.previous());
        return same(expected, entry.hash());
    }

    String sealOf(long seq, String hash) {
        return seal(HEAD, Long.toString(seq), hash);
    }

    boolean isGenuine(AuditHead head) {
        return same(sealOf(head.seq(), head.hash()), head.seal());
    }

    /** Each field with its length in front: no two lists of fields give the same bytes. */
    private String seal(String... fields) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            for (String field : fields) {
                byte[] encoded = field.getBytes(StandardCharsets.UTF_8);
                out.writeInt(encoded.length);
                out.write(encoded);
            }
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            return HexFormat.of().formatHex(mac.doFinal(bytes.toByteArray()));
        } catch (NoSuchAlgorithmException | InvalidKeyException impossible) {
            throw new IllegalStateException("every Java platform has " + ALGORITHM, impossible);
        }
    }

    /** In a time that does not depend on where they differ. */
    private static boolean same(String left, String right) {
        return MessageDigest.isEqual(left.getBytes(StandardCharsets.UTF_8), right.getBytes(StandardCharsets.UTF_8));
    }
}
