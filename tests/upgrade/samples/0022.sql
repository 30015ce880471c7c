INSERT INTO unmapped_members (issue_link, member, member_name, found_at)
    SELECT id, '1c7b3c6c-5f3e-4f5b-9f64-5c0d6c9d0a02', 'Grace', '2026-11-20T08:00:00.000000Z' FROM issue_links;
INSERT INTO members_apart (member, member_name, decided_by, decided_at) VALUES
    ('5579f1a8-8bb1-44d5-9060-9d2391371abf', 'Ada', 'admin', '2026-11-20T08:00:00.000000Z');
