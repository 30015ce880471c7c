-- Which GitHub a delivery came from, by the server's name; null for that of github.api_url.

ALTER TABLE github_webhook_events ADD COLUMN github_host TEXT;

DROP VIEW deliveries;
CREATE VIEW deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END AS payload,
       NULL AS action, NULL AS repository, origin, NULL AS github_host
FROM plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, attempts,
       error_message, result, work_item_ref, created_at, processed_at, body, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) END,
       action, (SELECT r.repository FROM repository_syncs r WHERE r.id = repository_sync), origin, github_host
FROM github_webhook_events;
