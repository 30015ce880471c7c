-- A token, its session, and what they did.
INSERT INTO api_tokens (name, scope, token_sha256, created_at, created_by, expires_at)
VALUES ('wall', 'viewer', {sha256:token}, '2026-11-20T10:00:00.000000Z', 'admin', NULL);
INSERT INTO sessions (token_sha256, kind, created_at, expires_at, name, scope, api_token, address)
VALUES ({sha256:second-session}, 'session', '2026-11-20T10:00:00.000000Z', '2026-12-20T10:00:00.000000Z', 'wall', 'viewer',
    (SELECT id FROM api_tokens), '192.0.2.1');
INSERT INTO audit_log (at, actor, actor_kind, scope, action, target, route, address, outcome, status)
VALUES ('2026-11-20T10:00:00.000000Z', 'admin', 'session', 'admin', 'make a token', 'wall (viewer)', 'POST /access/tokens',
    '192.0.2.1', 'done', 303);
