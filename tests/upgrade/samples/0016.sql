INSERT INTO people (login, member, member_name, decided_by, decided_at) VALUES
    ('octocat', '5579f1a8-8bb1-44d5-9060-9d2391371abf', 'ada', 'admin', '2026-11-20T08:00:00.000000Z');
INSERT INTO unmapped_assignees (issue_link, login, found_at)
    SELECT id, 'hubot', '2026-11-20T08:00:00.000000Z' FROM issue_links;
