-- GitHub's half: which repository is which, what its deliveries say, comments.

-- The numeric id survives a rename; it is learned from the first delivery.
ALTER TABLE repository_syncs ADD COLUMN github_id INTEGER;
ALTER TABLE repository_syncs ADD COLUMN origin TEXT NOT NULL DEFAULT 'manual' CHECK (origin IN ('config', 'manual', 'registered'));
CREATE UNIQUE INDEX repository_syncs_github_id ON repository_syncs (github_id);
-- GitHub takes no notice of case.
CREATE UNIQUE INDEX repository_syncs_name ON repository_syncs (lower(repository));

ALTER TABLE github_webhook_events ADD COLUMN action TEXT;
ALTER TABLE github_webhook_events ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
CREATE INDEX github_webhook_events_created ON github_webhook_events (created_at);
CREATE INDEX github_webhook_events_failed ON github_webhook_events (created_at) WHERE status = 'failed';

DROP VIEW deliveries;
CREATE VIEW deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END AS payload,
       NULL AS action, NULL AS repository
FROM plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, attempts,
       error_message, result, work_item_ref, created_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END,
       action, (SELECT r.repository FROM repository_syncs r WHERE r.id = repository_sync)
FROM github_webhook_events;

ALTER TABLE work_items ADD COLUMN description TEXT;
ALTER TABLE work_items ADD COLUMN description_format TEXT CHECK (description_format IN ('markdown', 'html'));
-- The item that it became, where its source says so.
ALTER TABLE work_items ADD COLUMN moved_to TEXT;

CREATE TABLE work_item_comments (
    comment_ref   TEXT PRIMARY KEY,
    work_item_ref TEXT NOT NULL,
    system        TEXT NOT NULL CHECK (system IN ('plane', 'github')),
    external_id   TEXT NOT NULL,
    author        TEXT,
    body          TEXT NOT NULL,
    body_format   TEXT NOT NULL CHECK (body_format IN ('markdown', 'html')),
    url           TEXT,
    created_at    TEXT,
    updated_at    TEXT NOT NULL,
    deleted_at    TEXT,
    ingested_at   TEXT NOT NULL
);
CREATE INDEX work_item_comments_item ON work_item_comments (work_item_ref, created_at, comment_ref);
