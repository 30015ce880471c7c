-- What was asked of other systems with one key, and what they said of it (src/quota): the state that
-- the processes of one PostgreSQL share, so that all together keep to one limit, and that pages show.
CREATE TABLE quota_accounts (
    -- The remote, and a fingerprint of address and key.
    name       TEXT PRIMARY KEY,
    client     TEXT NOT NULL,
    -- JSON that only Jetbridge reads.
    state      TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

-- The item of a project that is changed to see whether Plane's webhooks still come (src/canary.rs).
CREATE TABLE plane_canaries (
    project        TEXT PRIMARY KEY,
    item           TEXT,
    touched_at     TEXT,
    heard_after_ms INTEGER,
    -- The first change that no webhook followed.
    missing_since  TEXT
);
