INSERT INTO quota_accounts (name, client, state, updated_at) VALUES
    ('plane-0123456789ab', 'plane', '{"as": "another version wrote it"}', '2026-11-20T08:00:00.000000Z');
INSERT INTO plane_canaries (project, item, touched_at, heard_after_ms, missing_since) VALUES
    ('ce59f358-8bb1-44d5-9060-9d2391371abf', 'item-3', '2026-11-20T08:00:00.000000Z', 1200, NULL);
