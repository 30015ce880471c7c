INSERT INTO recover_places (repository, looked_at, covered_until, missing, asked, gap_from, gap_until, problem) VALUES
    ('Codertocat/Hello-World', '2026-11-20T08:00:00.000000Z', '2026-11-20T08:00:00.000000Z', 1, 1, '2026-11-16T08:00:00.000000Z', '2026-11-17T08:00:00.000000Z', NULL);
INSERT INTO recover_requests (delivery_id, repository, hook_id, attempt_id, event_type, sent_at, status, noticed_at, asked, again_at) VALUES
    ('lost-1', 'Codertocat/Hello-World', 1, 2, 'issues', '2026-11-20T07:00:00.000000Z', 'timed out', '2026-11-20T08:00:00.000000Z', 1, '2026-11-20T08:05:00.000000Z');
