-- A delivery that is read and waits to be carried over.
INSERT INTO github_webhook_events (delivery_id, event_type, action, status, encoding, body_sha256, body_bytes, attempts,
    work_item_ref, repository_sync, created_at, body)
VALUES ('github-carried-1', 'issues', 'edited', 'processing', 'json', {sha256:github-carried}, 1000, 1, 'github:7',
    (SELECT id FROM repository_syncs), '2026-11-20T09:06:00.000000Z', {body:github-carried});
INSERT INTO work_queue (source, delivery_id, lane, stage, status, attempts, available_at)
VALUES ('github', 'github-carried-1', 'sync:github:issue:7', 'sync', 'queued', 0, '2036-11-20T09:06:00.000000Z');
UPDATE issue_links SET github_arrival = 2;
