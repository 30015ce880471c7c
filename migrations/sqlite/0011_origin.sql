-- Deliveries that nobody sent: what Jetbridge found when it asked and has put into the inbox itself.

ALTER TABLE plane_webhook_deliveries ADD COLUMN origin TEXT NOT NULL DEFAULT 'webhook' CHECK (origin IN ('webhook', 'reconcile', 'backfill'));
ALTER TABLE github_webhook_events ADD COLUMN origin TEXT NOT NULL DEFAULT 'webhook' CHECK (origin IN ('webhook', 'reconcile', 'backfill'));
-- How soon it has a claim on the remotes' quotas: 0 live, 1 replay, 2 reconcile, 3 backfill.
ALTER TABLE work_queue ADD COLUMN class INTEGER NOT NULL DEFAULT 0 CHECK (class BETWEEN 0 AND 3);
CREATE INDEX work_queue_sync_by_class ON work_queue (class, available_at, id) WHERE status = 'queued' AND stage = 'sync';

DROP VIEW deliveries;
CREATE VIEW deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END AS payload,
       NULL AS action, NULL AS repository, origin
FROM plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, attempts,
       error_message, result, work_item_ref, created_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END,
       action, (SELECT r.repository FROM repository_syncs r WHERE r.id = repository_sync), origin
FROM github_webhook_events;
