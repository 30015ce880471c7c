-- Deliveries that nobody sent: what Jetbridge found when it asked and has put into the inbox itself.

ALTER TABLE ops.plane_webhook_deliveries
    ADD COLUMN origin text NOT NULL DEFAULT 'webhook' CHECK (origin IN ('webhook', 'reconcile', 'backfill'));
ALTER TABLE ops.github_webhook_events
    ADD COLUMN origin text NOT NULL DEFAULT 'webhook' CHECK (origin IN ('webhook', 'reconcile', 'backfill'));
-- How soon it has a claim on the remotes' quotas: 0 live, 1 replay, 2 reconcile, 3 backfill.
ALTER TABLE ops.work_queue
    ADD COLUMN class smallint NOT NULL DEFAULT 0 CHECK (class BETWEEN 0 AND 3);
CREATE INDEX work_queue_sync_by_class ON ops.work_queue (class, available_at, id) WHERE status = 'queued' AND stage = 'sync';

CREATE OR REPLACE VIEW ops.deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, ops.json_or_null(body) AS payload,
       NULL::text AS action, NULL::text AS repository, origin
FROM ops.plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, attempts,
       error_message, result, work_item_ref, created_at, processed_at, body, ops.json_or_null(body),
       action, (SELECT r.repository FROM ops.repository_syncs r WHERE r.id = repository_sync), origin
FROM ops.github_webhook_events;
