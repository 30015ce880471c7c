-- Which GitHub a delivery came from, by the server's name; null for that of github.api_url.

ALTER TABLE ops.github_webhook_events ADD COLUMN github_host text;

CREATE OR REPLACE VIEW ops.deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, ops.json_or_null(body) AS payload,
       NULL::text AS action, NULL::text AS repository, origin, NULL::text AS github_host
FROM ops.plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, attempts,
       error_message, result, work_item_ref, created_at, processed_at, body, ops.json_or_null(body),
       action, (SELECT r.repository FROM ops.repository_syncs r WHERE r.id = repository_sync), origin, github_host
FROM ops.github_webhook_events;
