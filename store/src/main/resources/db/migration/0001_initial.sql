-- Times are milliseconds since the epoch. Identifiers are text as they appear everywhere else, so that what an operator
-- reads in a log can be looked up here.

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    uid        INTEGER NOT NULL,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

-- Tenants that admitted themselves by a token have no name.
CREATE UNIQUE INDEX tenants_by_name ON tenants (name) WHERE name <> '';
CREATE INDEX tenants_by_age ON tenants (created_at, id);

CREATE TABLE fingerprints (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX fingerprints_by_tenant ON fingerprints (tenant);

-- Outlives the tenants: what a forgotten tenant left on a disk must not become the property of the next one.
CREATE TABLE used_uids (
    uid INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TRIGGER used_uids_are_never_changed BEFORE UPDATE ON used_uids
BEGIN
    SELECT RAISE(ABORT, 'a used uid stays used');
END;

CREATE TRIGGER used_uids_are_never_forgotten BEFORE DELETE ON used_uids
BEGIN
    SELECT RAISE(ABORT, 'a used uid stays used');
END;

CREATE TABLE sessions (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    title       TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    system      TEXT    NOT NULL,
    -- No reference: a fork outlives the session that it came from.
    forked_from TEXT,
    started     INTEGER NOT NULL CHECK (started IN (0, 1)),
    turns       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_age ON sessions (tenant, created_at, id);

CREATE TABLE events (
    session TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    data    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT;

-- No references: what was used stays on the bill when its tenant or session is gone.
CREATE TABLE usage (
    id                 INTEGER PRIMARY KEY,
    tenant             TEXT    NOT NULL,
    session            TEXT    NOT NULL,
    model              TEXT    NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cost_micros        INTEGER NOT NULL,
    at                 INTEGER NOT NULL
) STRICT;

CREATE INDEX usage_by_tenant ON usage (tenant, at);

CREATE TABLE audit (
    seq      INTEGER NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    previous TEXT    NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- INSERT OR REPLACE deletes without firing the trigger above; it cannot get past this one.
CREATE TRIGGER audit_grows_only_at_its_end BEFORE INSERT ON audit
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
