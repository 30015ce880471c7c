-- The issue has a twin, its comment a mirror, and the write that made it is settled.
INSERT INTO issue_links (repository_sync, repository, github_issue_id, github_number, github_ref, plane_project, plane_item_id,
    plane_ref, status, created_at, synced_at)
VALUES ((SELECT id FROM repository_syncs), 'Codertocat/Hello-World', 7, 12, 'github:7', 'project-1', 'item-1', 'plane:item-1', 'ok',
    '2026-11-20T09:00:02.000000Z', '2026-11-20T09:00:02.000000Z');
INSERT INTO comment_links (issue_link, github_comment_id, plane_comment_id, status, markdown_sha256, stored_html, synced_at)
VALUES ((SELECT id FROM issue_links), 70, 'comment-1', 'mirrored', 'aa', '<p>Seen here <em>too</em></p>', '2026-11-20T09:01:02.000000Z');
INSERT INTO write_intents (issue_link, kind, target, write, status, attempt, answer_id, intended_at, made_at, ended_at)
VALUES ((SELECT id FROM issue_links), 'create_item', 'project-1', '{}', 'settled', 1, 'item-1', '2026-11-20T09:00:01.000000Z',
    '2026-11-20T09:00:02.000000Z', '2026-11-20T09:00:02.000000Z');
