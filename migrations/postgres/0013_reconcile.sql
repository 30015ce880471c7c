-- How far both sides agree, and how far the walk over them has come.

CREATE TABLE ops.drift_walks (
    repository_sync bigint PRIMARY KEY REFERENCES ops.repository_syncs (id) ON DELETE CASCADE,
    -- Where the next walk begins, and where the one under way is.
    position        json NOT NULL,
    -- What was found by the last walk that came to its end; null before that.
    proven_at       timestamptz,
    full_at         timestamptz,
    compared        bigint NOT NULL DEFAULT 0,
    tried_at        timestamptz,
    last_error      text
);
-- The items that are not in sync, and why.
CREATE TABLE ops.drift_items (
    repository_sync bigint NOT NULL REFERENCES ops.repository_syncs (id) ON DELETE CASCADE,
    work_item_ref   text NOT NULL,
    key             text,
    reasons         json NOT NULL,
    mendable        boolean NOT NULL,
    told_at         timestamptz,
    since           timestamptz NOT NULL,
    checked_at      timestamptz NOT NULL,
    PRIMARY KEY (repository_sync, work_item_ref)
);
-- What the whole walk under way has met; empty between two of them.
CREATE TABLE ops.drift_seen (
    repository_sync bigint NOT NULL REFERENCES ops.repository_syncs (id) ON DELETE CASCADE,
    work_item_ref   text NOT NULL,
    PRIMARY KEY (repository_sync, work_item_ref)
);
