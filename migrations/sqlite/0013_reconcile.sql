-- How far both sides agree, and how far the walk over them has come.

CREATE TABLE drift_walks (
    repository_sync INTEGER PRIMARY KEY REFERENCES repository_syncs (id) ON DELETE CASCADE,
    -- JSON: where the next walk begins, and where the one under way is.
    position        TEXT NOT NULL,
    -- What was found by the last walk that came to its end; null before that.
    proven_at       TEXT,
    full_at         TEXT,
    compared        INTEGER NOT NULL DEFAULT 0,
    tried_at        TEXT,
    last_error      TEXT
);
-- The items that are not in sync, and why (JSON).
CREATE TABLE drift_items (
    repository_sync INTEGER NOT NULL REFERENCES repository_syncs (id) ON DELETE CASCADE,
    work_item_ref   TEXT NOT NULL,
    key             TEXT,
    reasons         TEXT NOT NULL,
    mendable        INTEGER NOT NULL,
    told_at         TEXT,
    since           TEXT NOT NULL,
    checked_at      TEXT NOT NULL,
    PRIMARY KEY (repository_sync, work_item_ref)
) WITHOUT ROWID;
-- What the whole walk under way has met; empty between two of them.
CREATE TABLE drift_seen (
    repository_sync INTEGER NOT NULL REFERENCES repository_syncs (id) ON DELETE CASCADE,
    work_item_ref   TEXT NOT NULL,
    PRIMARY KEY (repository_sync, work_item_ref)
) WITHOUT ROWID;
