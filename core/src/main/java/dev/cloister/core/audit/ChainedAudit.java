package dev.cloister.core.audit;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;

/**
 * The audit log as a chain in a {@link AuditStore}: each entry holds the hash of the one before, under a key that is not in the
 * store, and the last one is also named by a sealed head file beside it. Thread-safe; several processes may share the
 * store and the head.
 *
 * <p>Guarantee: whoever can change the store, but has not the key, cannot change, remove, insert or reorder an entry
 * without {@link AuditVerifier} noticing. What it cannot notice is a store and a head file that were both put back to an
 * earlier state together; send the log elsewhere against that.
 *
 * <p>A log that does not reach its head is not continued: entries added to it would hide that its end is missing.
 */
public final class ChainedAudit implements Audit {
    private final AuditStore store;
    private final AuditChain chain;
    private final Clock clock;
    private final AuditHeadFile head;

    /**
     * @param store stays the caller's
     * @param key 32 bytes or more, kept outside the store
     * @param head the head file; its directory exists
     */
    public ChainedAudit(AuditStore store, byte[] key, Clock clock, Path head) {
        this.store = store;
        this.chain = new AuditChain(key);
        this.clock = clock;
        this.head = new AuditHeadFile(chain, head);
        // Before the first entry, so that a crash right after it does not look like a lost head.
        if (store.lastAudit().isEmpty()) {
            this.head.begin();
        }
    }

    /**
     * @throws CloisterException INTERNAL if the log is broken or cannot be written
     * @throws IllegalArgumentException if a detail is not a string, a number or a boolean
     */
    @Override
    public void record(String actor, String action, Map<String, Object> detail) {
        String line = AuditDetail.canonical(detail);
        AuditEntry entry = store.appendAudit(last -> successor(last, storable(actor), storable(action), line));
        // After the entry is durable: a head that is behind is a crash, one that is ahead is a log cut off.
        head.advance(entry);
    }

    private AuditEntry successor(Optional<AuditEntry> last, String actor, String action, String detail) {
        long lastSeq = last.map(AuditEntry::seq).orElse(0L);
        String previous = last.map(AuditEntry::hash).orElse(AuditChain.START);
        requireReached(lastSeq, previous);
        long seq = lastSeq + 1;
        long at = clock.millis();
        String hash = chain.hashOf(seq, at, actor, action, detail, previous);
        return new AuditEntry(seq, at, actor, action, detail, previous, hash);
    }

    private void requireReached(long lastSeq, String lastHash) {
        boolean reached = switch (head.read()) {
            case AuditHeadFile.Reading.Genuine(AuditHead known) ->
                known.seq() < lastSeq || (known.seq() == lastSeq && known.hash().equals(lastHash));
            case AuditHeadFile.Reading.Forged() -> false;
            case AuditHeadFile.Reading.Missing() -> false;
        };
        if (!reached) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the audit log and its head file do not fit together, so nothing is added to it; run cloister audit"
                            + " verify, and restore both from one backup");
        }
    }

    /** As it will come back from the store, which keeps UTF-8: half a surrogate pair becomes a question mark there. */
    private static String storable(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }
}
