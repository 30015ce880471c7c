-- Who may do what: API tokens with a scope, sessions that know who signed in, and the record of
-- what was done.

CREATE TABLE ops.api_tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL,
    scope        text NOT NULL CHECK (scope IN ('viewer', 'operator', 'admin')),
    token_sha256 bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
-- The audit log names tokens, so no two that are good at once may share a name.
CREATE UNIQUE INDEX api_tokens_name ON ops.api_tokens (lower(name)) WHERE revoked_at IS NULL;

-- Sessions from before were all the admin's.
ALTER TABLE ops.sessions ADD COLUMN name text NOT NULL DEFAULT 'admin';
ALTER TABLE ops.sessions
    ADD COLUMN scope text NOT NULL DEFAULT 'admin' CHECK (scope IN ('viewer', 'operator', 'admin'));
ALTER TABLE ops.sessions ADD COLUMN api_token bigint REFERENCES ops.api_tokens (id) ON DELETE CASCADE;
ALTER TABLE ops.sessions ADD COLUMN address text NOT NULL DEFAULT '';

CREATE TABLE ops.audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN ('admin-token', 'api-token', 'session', 'cli', 'nobody')),
    scope      text CHECK (scope IN ('viewer', 'operator', 'admin')),
    action     text NOT NULL,
    target     text NOT NULL,
    route      text NOT NULL,
    address    text NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    status     bigint
);
CREATE INDEX audit_log_at ON ops.audit_log (at);
CREATE INDEX audit_log_actor ON ops.audit_log (actor, id);
CREATE INDEX audit_log_action ON ops.audit_log (action, id);

-- Rows are added, and taken away when they are too old; none is ever changed.
CREATE FUNCTION ops.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ops.audit_log is append-only';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE ON ops.audit_log
    FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
