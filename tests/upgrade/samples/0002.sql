-- GitHub's half: an issue with a comment, and a delivery that waits.
UPDATE repository_syncs SET github_id = 186853002, origin = 'config' WHERE repository = 'Codertocat/Hello-World';
INSERT INTO github_webhook_events (delivery_id, event_type, action, status, encoding, body_sha256, body_bytes, attempts, result,
    work_item_ref, repository_sync, created_at, processed_at, body)
VALUES
    ('github-done-1', 'issues', 'opened', 'completed', 'json', {sha256:github-done}, 1000, 1, 'applied', 'github:7',
     (SELECT id FROM repository_syncs), '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:01.000000Z', {body:github-done}),
    ('github-waiting-1', 'issues', 'edited', 'pending', 'json', {sha256:github-waiting}, 1000, 0, NULL, NULL,
     (SELECT id FROM repository_syncs), '2026-11-20T09:05:00.000000Z', NULL, {body:github-waiting});
INSERT INTO work_queue (source, delivery_id, lane, status, attempts, available_at, finished_at)
VALUES
    ('github', 'github-done-1', 'github:issue:7', 'done', 1, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:01.000000Z'),
    ('github', 'github-waiting-1', 'github:issue:7', 'queued', 0, '2026-11-20T09:05:00.000000Z', NULL);
INSERT INTO work_items (work_item_ref, system, external_id, project_ref, title, status, assignee, url, updated_at, key, kind,
    state_group, labels, assignees, created_at, ingested_at, missing, state, description, description_format)
VALUES ('github:7', 'github', '7', 'Codertocat/Hello-World', 'An issue', 'open', NULL, 'https://github.com/Codertocat/Hello-World/issues/12',
    '2026-11-20T09:00:00.000000Z', 'Codertocat/Hello-World#12', 'issue', 'unstarted', '[]', '[]', '2026-11-20T09:00:00.000000Z',
    '2026-11-20T09:00:01.000000Z', '[]',
    '{"item":"github:7","system":"github","external_id":"7","kind":"issue","project_ref":"Codertocat/Hello-World","key":"Codertocat/Hello-World#12","title":"An issue","status":"open","state_group":"unstarted","assignees":[],"labels":[],"priority":null,"url":"https://github.com/Codertocat/Hello-World/issues/12","created_at":"2026-11-20T09:00:00Z","completed_at":null,"updated_at":"2026-11-20T09:00:00Z","missing":[]}',
    '**What** happens', 'markdown');
INSERT INTO timeline (work_item_ref, source, delivery_id, attempt, at, outcome, reason)
VALUES ('github:7', 'github', 'github-done-1', 1, '2026-11-20T09:00:01.000000Z', 'applied', 'first seen');
INSERT INTO work_item_comments (comment_ref, work_item_ref, system, external_id, author, body, body_format, url, created_at,
    updated_at, ingested_at)
VALUES ('github:comment:70', 'github:7', 'github', '70', 'octocat', 'Seen here *too*', 'markdown', NULL,
    '2026-11-20T09:01:00.000000Z', '2026-11-20T09:01:00.000000Z', '2026-11-20T09:01:01.000000Z');
