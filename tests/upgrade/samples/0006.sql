-- What people keep about the board.
INSERT INTO board_views (name, query, created_at) VALUES ('Bugs', 'label=bug', '2026-11-20T10:00:00.000000Z');
INSERT INTO board_limits (scope, column_slug, most) VALUES ('', 'started', 3);
