package dev.cloister.core.tenant;

/** Where a new tenant's uid comes from. */
public sealed interface UidAllocation {
    /** The next never-used uid from {@code first} to {@code last}, both included. */
    record Range(long first, long last) implements UidAllocation {
        public Range {
            if (first < 1 || last < first) {
                throw new IllegalArgumentException("not a range of uids: " + first + "-" + last);
            }
        }
    }

    /** All tenants share the server's own uid: the host gives no other. */
    record Shared(long uid) implements UidAllocation {}
}
