-- What GitHub sent and never arrived: how far back was looked, and what was asked for again.

CREATE TABLE recover_places (
    -- As configured.
    repository    TEXT PRIMARY KEY,
    looked_at     TEXT NOT NULL,
    -- Everything that GitHub sent before is known here or asked for; null until it was once seen.
    covered_until TEXT,
    missing       INTEGER NOT NULL,
    asked         INTEGER NOT NULL,
    -- A time of which GitHub no longer tells what it sent.
    gap_from      TEXT,
    gap_until     TEXT,
    -- Why it could not be looked, or asked, and what to do.
    problem       TEXT
);

CREATE TABLE recover_requests (
    delivery_id  TEXT PRIMARY KEY,
    repository   TEXT NOT NULL,
    -- The organization, where the hook is one's.
    organization TEXT,
    hook_id      INTEGER NOT NULL,
    -- GitHub's id of the attempt that is to be made again, when it was made and how it ended.
    attempt_id   INTEGER NOT NULL,
    event_type   TEXT NOT NULL,
    sent_at      TEXT NOT NULL,
    status       TEXT NOT NULL,
    noticed_at   TEXT NOT NULL,
    asked        INTEGER NOT NULL DEFAULT 0,
    again_at     TEXT NOT NULL,
    outcome      TEXT CHECK (outcome IN ('came', 'given_up', 'expired')),
    ended_at     TEXT
);
CREATE INDEX recover_requests_open ON recover_requests (repository) WHERE outcome IS NULL;
CREATE INDEX recover_requests_ended ON recover_requests (ended_at) WHERE outcome IS NOT NULL;

-- How far issues from before the connection have been fetched.
CREATE TABLE backfills (
    repository_sync INTEGER PRIMARY KEY REFERENCES repository_syncs (id) ON DELETE CASCADE,
    started_at      TEXT NOT NULL,
    moved_at        TEXT NOT NULL,
    -- Where the walk goes on: what changed since, and the page of that.
    since           TEXT,
    page            INTEGER NOT NULL,
    -- Issues and pull requests that there were at the beginning; null where GitHub did not tell.
    total           INTEGER,
    walked_at       TEXT,
    problem         TEXT
);
