-- No reference, as in usage: what was used stays on the bill when its tenant is gone.
CREATE TABLE sandbox_usage (
    tenant            TEXT    NOT NULL PRIMARY KEY,
    cpu_micros        INTEGER NOT NULL,
    throttled_micros  INTEGER NOT NULL,
    memory_peak_bytes INTEGER NOT NULL,
    oom_kills         INTEGER NOT NULL,
    pids_refused      INTEGER NOT NULL
) STRICT;
