-- What tenants have the egress proxy add for hosts. The value is sealed under a key outside of the database.
CREATE TABLE host_credentials (
    tenant TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    host   TEXT    NOT NULL,
    sealed TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, host)
) STRICT;
