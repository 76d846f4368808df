package dev.cloister.core.audit;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Proves that the audit log is what was written, or says from where on it is not. */
public final class AuditVerifier {
    private static final int PAGE = 1_000;

    private final AuditStore store;
    private final AuditChain chain;
    private final AuditHeadFile.Reading head;
    private long reached;
    private String hash = AuditChain.START;

    private AuditVerifier(AuditStore store, AuditChain chain, AuditHeadFile.Reading head) {
        this.store = store;
        this.chain = chain;
        this.head = head;
    }

    /**
     * Reads the whole log in pages; the log may grow meanwhile. The head may name an earlier entry than the last, as after
     * a crash, but none that is not there.
     *
     * @param key the key it was written under
     * @param head the head file
     */
    public static AuditVerdict verify(AuditStore store, byte[] key, Path head) {
        AuditChain chain = new AuditChain(key);
        // The head first: what is appended after this only makes the log longer than the head says.
        AuditHeadFile.Reading reading = new AuditHeadFile(chain, head).read();
        return new AuditVerifier(store, chain, reading).verify();
    }

    private AuditVerdict verify() {
        return checkEntries().or(this::checkHead).orElseGet(() -> new AuditVerdict.Intact(reached, hash));
    }

    private Optional<AuditVerdict> checkEntries() {
        // From below zero, where an inserted entry would be out of sight of everybody who starts at one.
        List<AuditEntry> page = store.audit(Long.MIN_VALUE, PAGE);
        while (!page.isEmpty()) {
            for (AuditEntry entry : page) {
                Optional<String> fault = faultOf(entry);
                if (fault.isPresent()) {
                    return broken(reached + 1, fault.get());
                }
                reached = entry.seq();
                hash = entry.hash();
            }
            page = store.audit(reached, PAGE);
        }
        return Optional.empty();
    }

    private Optional<String> faultOf(AuditEntry entry) {
        if (entry.seq() != reached + 1) {
            return Optional.of(
                    entry.seq() > reached
                            ? "the entry is missing: the next one there is " + entry.seq()
                            : "an entry numbered " + entry.seq() + " stands in its place");
        }
        if (!chain.isGenuine(entry)) {
            return Optional.of("the entry was changed, or was not written under this key");
        }
        if (!entry.previous().equals(hash)) {
            return Optional.of("the entry does not continue the one before it");
        }
        return headFaultOf(entry);
    }

    private Optional<String> headFaultOf(AuditEntry entry) {
        return head instanceof AuditHeadFile.Reading.Genuine(AuditHead known)
                        && known.seq() == entry.seq()
                        && !known.hash().equals(entry.hash())
                ? Optional.of("the entry is not the one that the head file names")
                : Optional.empty();
    }

    private Optional<AuditVerdict> checkHead() {
        return switch (head) {
            case AuditHeadFile.Reading.Genuine(AuditHead known) ->
                known.seq() > reached
                        ? broken(
                                reached + 1, "the end of the log was cut off: the head file names entry " + known.seq())
                        : Optional.empty();
            case AuditHeadFile.Reading.Forged() ->
                broken(reached + 1, "the head file was changed, or was not written under this key");
            case AuditHeadFile.Reading.Missing() ->
                reached > 0
                        ? broken(reached + 1, "the head file is missing, so that the end of the log may be too")
                        : Optional.empty();
        };
    }

    private static Optional<AuditVerdict> broken(long seq, String why) {
        return Optional.of(new AuditVerdict.Broken(seq, why));
    }
}
