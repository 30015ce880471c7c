INSERT INTO pull_moves (plane_ref, plane_project, base, moved_at) VALUES
    ('plane:item-1', 'project-1', '{"standing":"opened","before":"todo","moved_to":"doing"}', '2026-11-20T08:00:00.000000Z');
