package dev.cloister.core.audit;

/** What a check of the audit log found. */
public sealed interface AuditVerdict {
    /**
     * Every entry is as it was written, and none is missing.
     *
     * @param headHash the last entry's hash; 64 zeroes if there is none
     */
    record Intact(long entries, String headHash) implements AuditVerdict {}

    /**
     * The log is not what was written.
     *
     * @param seq the first entry that cannot be relied on; those before it can
     * @param why one phrase for the operator
     */
    record Broken(long seq, String why) implements AuditVerdict {}
}
