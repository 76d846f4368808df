package dev.cloister.store;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.UidAllocation;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The table {@code used_uids}. Every uid that any tenant ever had, so that a change of the range cannot repeat one. */
final class UidRows {
    private UidRows() {}

    static long take(Handle handle, UidAllocation uids) {
        long uid = switch (uids) {
            case UidAllocation.Shared shared -> shared.uid();
            case UidAllocation.Range range -> next(handle, range);
        };
        handle.createUpdate("INSERT INTO used_uids (uid) VALUES (:uid) ON CONFLICT DO NOTHING")
                .bind("uid", uid)
                .execute();
        return uid;
    }

    private static long next(Handle handle, UidAllocation.Range range) {
        long afterHighest = highest(handle, range).map(uid -> uid + 1).orElse(range.first());
        if (afterHighest <= range.last()) {
            return afterHighest;
        }
        return firstGap(handle, range)
                .orElseThrow(() -> new CloisterException(
                        ErrorCode.OVERLOADED,
                        "no uid is left for a new tenant; the operator has to widen the uid range"));
    }

    private static Optional<Long> highest(Handle handle, UidAllocation.Range range) {
        return handle.createQuery(
                        "SELECT uid FROM used_uids WHERE uid BETWEEN :first AND :last ORDER BY uid DESC LIMIT 1")
                .bind("first", range.first())
                .bind("last", range.last())
                .mapTo(Long.class)
                .findOne();
    }

    /** Gaps are there only where the range was changed, so that the search costs something only at its very end. */
    private static Optional<Long> firstGap(Handle handle, UidAllocation.Range range) {
        return handle.createQuery("""
                        SELECT candidate FROM (
                            SELECT :first AS candidate
                            UNION ALL
                            SELECT uid + 1 FROM used_uids WHERE uid BETWEEN :first AND :last - 1
                        )
                        WHERE NOT EXISTS (SELECT 1 FROM used_uids WHERE uid = candidate)
                        ORDER BY candidate LIMIT 1
                        """)
                .bind("first", range.first())
                .bind("last", range.last())
                .mapTo(Long.class)
                .findOne();
    }
}
