-- Who may do what: API tokens with a scope, sessions that know who signed in, and the record of
-- what was done.

CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    scope        TEXT NOT NULL CHECK (scope IN ('viewer', 'operator', 'admin')),
    token_sha256 BLOB NOT NULL UNIQUE,
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT
);
-- The audit log names tokens, so no two that are good at once may share a name.
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (lower(name)) WHERE revoked_at IS NULL;

-- Sessions from before were all the admin's.
ALTER TABLE sessions ADD COLUMN name TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE sessions
    ADD COLUMN scope TEXT NOT NULL DEFAULT 'admin' CHECK (scope IN ('viewer', 'operator', 'admin'));
ALTER TABLE sessions ADD COLUMN api_token INTEGER REFERENCES api_tokens (id) ON DELETE CASCADE;
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';

CREATE TABLE audit_log (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT NOT NULL,
    actor      TEXT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('admin-token', 'api-token', 'session', 'cli', 'nobody')),
    scope      TEXT CHECK (scope IN ('viewer', 'operator', 'admin')),
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    route      TEXT NOT NULL,
    address    TEXT NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    status     INTEGER
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_action ON audit_log (action, id);

-- Rows are added, and taken away when they are too old; none is ever changed.
CREATE TRIGGER audit_log_append_only BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
