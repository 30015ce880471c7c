-- GitHub's half: which repository is which, what its deliveries say, comments.

-- The numeric id survives a rename; it is learned from the first delivery.
ALTER TABLE ops.repository_syncs
    ADD COLUMN github_id bigint UNIQUE,
    ADD COLUMN origin text NOT NULL DEFAULT 'manual' CHECK (origin IN ('config', 'manual', 'registered'));
-- GitHub takes no notice of case.
CREATE UNIQUE INDEX repository_syncs_name ON ops.repository_syncs (lower(repository));

ALTER TABLE ops.github_webhook_events
    ADD COLUMN action   text,
    ADD COLUMN attempts bigint NOT NULL DEFAULT 0;
CREATE INDEX github_webhook_events_created ON ops.github_webhook_events (created_at);
CREATE INDEX github_webhook_events_failed ON ops.github_webhook_events (created_at) WHERE status = 'failed';

CREATE OR REPLACE VIEW ops.deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, ops.json_or_null(body) AS payload,
       NULL::text AS action, NULL::text AS repository
FROM ops.plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, attempts,
       error_message, result, work_item_ref, created_at, processed_at, body, ops.json_or_null(body),
       action, (SELECT r.repository FROM ops.repository_syncs r WHERE r.id = repository_sync)
FROM ops.github_webhook_events;

ALTER TABLE ops.work_items
    ADD COLUMN description        text,
    ADD COLUMN description_format text CHECK (description_format IN ('markdown', 'html')),
    -- The item that it became, where its source says so.
    ADD COLUMN moved_to           text;

CREATE TABLE ops.work_item_comments (
    comment_ref   text PRIMARY KEY,
    work_item_ref text NOT NULL,
    system        text NOT NULL CHECK (system IN ('plane', 'github')),
    external_id   text NOT NULL,
    author        text,
    body          text NOT NULL,
    body_format   text NOT NULL CHECK (body_format IN ('markdown', 'html')),
    url           text,
    created_at    timestamptz,
    updated_at    timestamptz NOT NULL,
    deleted_at    timestamptz,
    ingested_at   timestamptz NOT NULL
);
CREATE INDEX work_item_comments_item ON ops.work_item_comments (work_item_ref, created_at, comment_ref);
