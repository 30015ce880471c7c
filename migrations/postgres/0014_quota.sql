-- What was asked of other systems with one key, and what they said of it (src/quota): the state that
-- the processes of one PostgreSQL share, so that all together keep to one limit, and that pages show.
CREATE TABLE ops.quota_accounts (
    -- The remote, and a fingerprint of address and key.
    name       text PRIMARY KEY,
    client     text NOT NULL,
    -- JSON that only Jetbridge reads.
    state      text NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The item of a project that is changed to see whether Plane's webhooks still come (src/canary.rs).
CREATE TABLE ops.plane_canaries (
    project        text PRIMARY KEY,
    item           text,
    touched_at     timestamptz,
    heard_after_ms bigint,
    -- The first change that no webhook followed.
    missing_since  timestamptz
);
