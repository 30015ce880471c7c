-- The same tables as in PostgreSQL, without the schema; times and JSON are text.

CREATE TABLE figures (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket  TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    source  TEXT NOT NULL,
    place   TEXT NOT NULL,
    event   TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'ignored', 'retried', 'failed')),
    lag     INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    merged  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX figures_bucket ON figures (bucket);
CREATE INDEX figures_unmerged ON figures (bucket) WHERE NOT merged;
CREATE INDEX figures_fine ON figures (bucket) WHERE seconds < 3600;

ALTER TABLE work_queue ADD COLUMN requeued_at TEXT;

CREATE TABLE queue_samples (
    at             TEXT PRIMARY KEY,
    waiting        INTEGER NOT NULL,
    working        INTEGER NOT NULL,
    dead           INTEGER NOT NULL,
    oldest_seconds REAL NOT NULL
);

CREATE TABLE quota_samples (
    client    TEXT NOT NULL,
    at        TEXT NOT NULL,
    remaining INTEGER,
    most      INTEGER,
    resets_at TEXT,
    used_up   INTEGER NOT NULL,
    seen_at   TEXT NOT NULL,
    PRIMARY KEY (client, at)
);

CREATE TABLE processes (
    id         TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    version    TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL,
    facts      TEXT NOT NULL
);

CREATE TABLE duties (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    held_until TEXT NOT NULL
);

CREATE TABLE alarms (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    title      TEXT NOT NULL,
    detail     TEXT NOT NULL,
    remedy     TEXT NOT NULL,
    raised_at  TEXT NOT NULL,
    cleared_at TEXT
);
CREATE UNIQUE INDEX alarms_raised ON alarms (kind, subject) WHERE cleared_at IS NULL;
CREATE INDEX alarms_cleared ON alarms (cleared_at) WHERE cleared_at IS NOT NULL;

CREATE TABLE alarm_notices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    body       TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     TEXT NOT NULL,
    made_at    TEXT NOT NULL,
    sent_at    TEXT,
    last_error TEXT
);
CREATE INDEX alarm_notices_due ON alarm_notices (due_at) WHERE sent_at IS NULL;

CREATE INDEX work_items_completed ON work_items (completed_at) WHERE completed_at IS NOT NULL;
