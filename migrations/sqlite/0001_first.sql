-- The same tables as in PostgreSQL, without the schema; times are RFC 3339 text in UTC.

CREATE TABLE plane_webhook_deliveries (
    delivery_id   TEXT PRIMARY KEY,
    event_id      TEXT,
    event_type    TEXT NOT NULL,
    status        TEXT NOT NULL DEFAULT 'received' CHECK (status IN ('received', 'processed', 'failed')),
    encoding      TEXT NOT NULL CHECK (encoding IN ('json', 'form')),
    body_sha256   BLOB NOT NULL UNIQUE,
    body_bytes    INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    last_error    TEXT,
    result        TEXT,
    work_item_ref TEXT,
    received_at   TEXT NOT NULL,
    processed_at  TEXT,
    body          BLOB
);
CREATE UNIQUE INDEX plane_webhook_deliveries_event_id ON plane_webhook_deliveries (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX plane_webhook_deliveries_received ON plane_webhook_deliveries (received_at);
CREATE INDEX plane_webhook_deliveries_failed ON plane_webhook_deliveries (received_at) WHERE status = 'failed';

CREATE TABLE repository_syncs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository    TEXT NOT NULL UNIQUE,
    plane_project TEXT,
    direction     TEXT NOT NULL DEFAULT 'github-to-plane' CHECK (direction IN ('github-to-plane', 'both')),
    created_at    TEXT NOT NULL
);

CREATE TABLE github_webhook_events (
    delivery_id     TEXT PRIMARY KEY,
    event_type      TEXT NOT NULL,
    status          TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    encoding        TEXT NOT NULL CHECK (encoding IN ('json', 'form')),
    body_sha256     BLOB NOT NULL,
    body_bytes      INTEGER NOT NULL,
    retry_count     INTEGER NOT NULL DEFAULT 0,
    error_message   TEXT,
    result          TEXT,
    work_item_ref   TEXT,
    repository_sync INTEGER REFERENCES repository_syncs (id) ON DELETE SET NULL,
    created_at      TEXT NOT NULL,
    processed_at    TEXT,
    body            BLOB
);
CREATE INDEX github_webhook_events_event_status ON github_webhook_events (event_type, status);
CREATE INDEX github_webhook_events_repository_created ON github_webhook_events (repository_sync, created_at);

CREATE VIEW deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END AS payload
FROM plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, retry_count,
       error_message, result, work_item_ref, created_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END
FROM github_webhook_events;

CREATE TABLE work_queue (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    source       TEXT NOT NULL,
    delivery_id  TEXT NOT NULL,
    lane         TEXT,
    status       TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'claimed', 'done', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    available_at TEXT NOT NULL,
    claimed_at   TEXT,
    lease        TEXT,
    lease_until  TEXT,
    last_error   TEXT,
    finished_at  TEXT,
    UNIQUE (delivery_id, source)
);
CREATE INDEX work_queue_due ON work_queue (available_at, id) WHERE status = 'queued';
CREATE INDEX work_queue_claimed ON work_queue (lane) WHERE status = 'claimed';
CREATE INDEX work_queue_lease ON work_queue (lease) WHERE status = 'claimed';
CREATE INDEX work_queue_dead ON work_queue (finished_at) WHERE status = 'dead';

CREATE TABLE work_items (
    work_item_ref    TEXT PRIMARY KEY,
    system           TEXT NOT NULL CHECK (system IN ('plane', 'github')),
    external_id      TEXT NOT NULL,
    project_ref      TEXT NOT NULL,
    title            TEXT NOT NULL,
    status           TEXT NOT NULL,
    assignee         TEXT,
    url              TEXT,
    updated_at       TEXT NOT NULL,
    key              TEXT,
    kind             TEXT NOT NULL CHECK (kind IN ('issue', 'pull_request')),
    state_group      TEXT CHECK (state_group IN ('backlog', 'unstarted', 'started', 'completed', 'cancelled')),
    labels           TEXT NOT NULL DEFAULT '[]',
    assignees        TEXT NOT NULL DEFAULT '[]',
    priority         TEXT,
    created_at       TEXT,
    completed_at     TEXT,
    deleted_at       TEXT,
    ingested_at      TEXT NOT NULL,
    missing          TEXT NOT NULL DEFAULT '[]',
    -- The winning snapshot as it was told; null for an item that was only ever told to be gone.
    state            TEXT
);
CREATE INDEX work_items_board ON work_items (state_group, updated_at DESC, work_item_ref) WHERE deleted_at IS NULL;
CREATE INDEX work_items_updated ON work_items (updated_at DESC, work_item_ref);
CREATE INDEX work_items_project ON work_items (project_ref);

CREATE TABLE timeline (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    work_item_ref TEXT,
    source        TEXT NOT NULL,
    delivery_id   TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    at            TEXT NOT NULL,
    outcome       TEXT NOT NULL CHECK (outcome IN ('applied', 'ignored', 'retry', 'waiting', 'dead', 'replayed')),
    reason        TEXT NOT NULL,
    changes       TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX timeline_item ON timeline (work_item_ref, id);
CREATE INDEX timeline_delivery ON timeline (delivery_id, source);

CREATE TABLE plane_directory (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    scope      TEXT NOT NULL DEFAULT '',
    entry      TEXT NOT NULL,
    fetched_at TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE sessions (
    token_sha256 BLOB PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('session', 'sign_in_link')),
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL
);
