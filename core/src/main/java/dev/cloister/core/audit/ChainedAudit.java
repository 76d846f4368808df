package dev.cloister.core.audit;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

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

    /** What nobody has written yet; whoever writes takes all of it along, so that many wait for the disk once. */
    private final Queue<Waiting> waiting = new ConcurrentLinkedQueue<>();

    private final ReentrantLock writing = new ReentrantLock();

    /** Something to be recorded. Its state belongs to whoever holds {@link #writing}. */
    private static final class Waiting {
        final String actor;
        final String action;
        final String detail;
        boolean written;

        @Nullable
        RuntimeException failure;

        Waiting(String actor, String action, String detail) {
            this.actor = actor;
            this.action = action;
            this.detail = detail;
        }
    }

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
        Waiting mine = new Waiting(storable(actor), storable(action), AuditDetail.canonical(detail));
        waiting.add(mine);
        writing.lock();
        try {
            if (!mine.written) {
                write();
            }
            if (mine.failure != null) {
                throw mine.failure;
            }
        } finally {
            writing.unlock();
        }
    }

    /** All that waits, in one transaction: it is recorded as a whole, or nobody's is. */
    private void write() {
        List<Waiting> batch = new ArrayList<>();
        for (Waiting next = waiting.poll(); next != null; next = waiting.poll()) {
            next.written = true;
            batch.add(next);
        }
        // Whatever ends the writing, nobody of the batch may take it for done.
        @Nullable RuntimeException failure = new IllegalStateException("the audit log was not written");
        try {
            List<AuditEntry> entries = store.appendAudit(last -> successors(last, batch));
            // After the entries are durable: a head that is behind is a crash, one that is ahead is a log cut off.
            head.advance(entries.getLast());
            failure = null;
        } catch (RuntimeException e) {
            failure = e;
        } finally {
            for (Waiting one : batch) {
                one.failure = failure;
            }
        }
    }

    private List<AuditEntry> successors(Optional<AuditEntry> last, List<Waiting> batch) {
        long seq = last.map(AuditEntry::seq).orElse(0L);
        String previous = last.map(AuditEntry::hash).orElse(AuditChain.START);
        requireReached(seq, previous);
        List<AuditEntry> entries = new ArrayList<>();
        for (Waiting one : batch) {
            long at = clock.millis();
            String hash = chain.hashOf(++seq, at, one.actor, one.action, one.detail, previous);
            entries.add(new AuditEntry(seq, at, one.actor, one.action, one.detail, previous, hash));
            previous = hash;
        }
        return entries;
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
