package dev.cloister.core.audit;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Where the entries of the audit log are kept: a part of the store, for which all holds that the store promises. */
public interface AuditStore {
    /**
     * Appends to the audit chain: {@code next} gets the last entry, if any, and returns its successors in order, inside one
     * exclusive transaction.
     *
     * @return what was appended
     */
    List<AuditEntry> appendAudit(Function<Optional<AuditEntry>, List<AuditEntry>> next);

    /** Audit entries with {@code seq} greater than {@code after}, in order. */
    List<AuditEntry> audit(long after, int limit);

    Optional<AuditEntry> lastAudit();
}
