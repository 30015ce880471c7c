-- What schema version 1 may hold: a delivery that is done, one that waits and one that failed for
-- good, with the item that the first made.
INSERT INTO plane_webhook_deliveries (delivery_id, event_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
    last_error, result, work_item_ref, received_at, processed_at, body)
VALUES
    ('done-1', NULL, 'issue', 'processed', 'json', {sha256:done}, 1000, 1, NULL, 'applied', 'plane:item-1',
     '2026-11-20T08:00:00.000000Z', '2026-11-20T08:00:01.000000Z', {body:done}),
    ('waiting-1', NULL, 'issue', 'received', 'json', {sha256:waiting}, 1000, 0, NULL, NULL, NULL,
     '2026-11-20T08:05:00.000000Z', NULL, {body:waiting}),
    ('dead-1', NULL, 'issue', 'failed', 'json', {sha256:dead}, 1000, 4, 'Plane did not answer', NULL, NULL,
     '2026-11-20T08:10:00.000000Z', '2026-11-20T08:30:00.000000Z', {body:dead});
INSERT INTO work_queue (source, delivery_id, lane, status, attempts, available_at, finished_at, last_error)
VALUES
    ('plane', 'done-1', 'plane:issue:item-1', 'done', 1, '2026-11-20T08:00:00.000000Z', '2026-11-20T08:00:01.000000Z', NULL),
    ('plane', 'waiting-1', 'plane:issue:item-1', 'queued', 0, '2026-11-20T08:05:00.000000Z', NULL, NULL),
    ('plane', 'dead-1', 'plane:issue:item-2', 'dead', 4, '2026-11-20T08:10:00.000000Z', '2026-11-20T08:30:00.000000Z', 'Plane did not answer');
INSERT INTO work_items (work_item_ref, system, external_id, project_ref, title, status, assignee, url, updated_at, key, kind,
    state_group, labels, assignees, priority, created_at, ingested_at, missing, state)
VALUES ('plane:item-1', 'plane', 'item-1', 'project-1', 'Before the upgrade', 'Todo', 'ada', NULL, '2026-11-20T07:59:00.000000Z',
    'SYNC-1', 'issue', 'unstarted', '[{"id":"l1","name":"bug","color":"#d73a4a"}]', '[{"id":"p1","name":"ada"}]', 'high',
    '2026-11-19T07:00:00.000000Z', '2026-11-20T08:00:01.000000Z', '[]',
    '{"item":"plane:item-1","system":"plane","external_id":"item-1","kind":"issue","project_ref":"project-1","key":"SYNC-1","title":"Before the upgrade","status":"Todo","state_group":"unstarted","assignees":[{"id":"p1","name":"ada"}],"labels":[{"id":"l1","name":"bug","color":"#d73a4a"}],"priority":"high","url":null,"created_at":"2026-11-19T07:00:00Z","completed_at":null,"updated_at":"2026-11-20T07:59:00Z","missing":[]}');
INSERT INTO timeline (work_item_ref, source, delivery_id, attempt, at, outcome, reason, changes)
VALUES ('plane:item-1', 'plane', 'done-1', 1, '2026-11-20T08:00:01.000000Z', 'applied', 'first seen', '[{"field":"title","from":null,"to":"Before the upgrade"}]');
INSERT INTO plane_directory (kind, id, entry, fetched_at)
VALUES ('project', 'project-1', '{"identifier":"SYNC","name":"Sync"}', '2026-11-20T08:00:00.000000Z');
INSERT INTO sessions (token_sha256, kind, created_at, expires_at)
VALUES ({sha256:session}, 'session', '2026-11-20T08:00:00.000000Z', '2026-12-20T08:00:00.000000Z');
INSERT INTO repository_syncs (repository, plane_project, created_at)
VALUES ('Codertocat/Hello-World', 'project-1', '2026-11-20T08:00:00.000000Z');
