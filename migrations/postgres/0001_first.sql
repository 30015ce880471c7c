-- Schema `ops`: read by other tools, so native types, and columns are only ever added.

CREATE TABLE ops.plane_webhook_deliveries (
    delivery_id   text PRIMARY KEY,
    event_id      text,
    event_type    text NOT NULL,
    status        text NOT NULL DEFAULT 'received' CHECK (status IN ('received', 'processed', 'failed')),
    encoding      text NOT NULL CHECK (encoding IN ('json', 'form')),
    body_sha256   bytea NOT NULL UNIQUE,
    body_bytes    bigint NOT NULL,
    attempts      bigint NOT NULL DEFAULT 0,
    last_error    text,
    result        text,
    work_item_ref text,
    received_at   timestamptz NOT NULL,
    processed_at  timestamptz,
    body          bytea
) WITH (toast_tuple_target = 8160);
-- lz4 and inline: the default compression and a second table for bodies each cost half the rate.
ALTER TABLE ops.plane_webhook_deliveries ALTER COLUMN body SET COMPRESSION lz4;
ALTER TABLE ops.plane_webhook_deliveries ALTER COLUMN body SET STORAGE MAIN;
CREATE UNIQUE INDEX plane_webhook_deliveries_event_id ON ops.plane_webhook_deliveries (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX plane_webhook_deliveries_received ON ops.plane_webhook_deliveries (received_at);
CREATE INDEX plane_webhook_deliveries_failed ON ops.plane_webhook_deliveries (received_at) WHERE status = 'failed';

CREATE TABLE ops.repository_syncs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository    text NOT NULL UNIQUE,
    plane_project text,
    direction     text NOT NULL DEFAULT 'github-to-plane' CHECK (direction IN ('github-to-plane', 'both')),
    created_at    timestamptz NOT NULL
);

CREATE TABLE ops.github_webhook_events (
    delivery_id     text PRIMARY KEY,
    event_type      text NOT NULL,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    encoding        text NOT NULL CHECK (encoding IN ('json', 'form')),
    body_sha256     bytea NOT NULL,
    body_bytes      bigint NOT NULL,
    retry_count     bigint NOT NULL DEFAULT 0,
    error_message   text,
    result          text,
    work_item_ref   text,
    repository_sync bigint REFERENCES ops.repository_syncs (id) ON DELETE SET NULL,
    created_at      timestamptz NOT NULL,
    processed_at    timestamptz,
    body            bytea
) WITH (toast_tuple_target = 8160);
ALTER TABLE ops.github_webhook_events ALTER COLUMN body SET COMPRESSION lz4;
ALTER TABLE ops.github_webhook_events ALTER COLUMN body SET STORAGE MAIN;
CREATE INDEX github_webhook_events_event_status ON ops.github_webhook_events (event_type, status);
CREATE INDEX github_webhook_events_repository_created ON ops.github_webhook_events (repository_sync, created_at);

CREATE FUNCTION ops.json_or_null(body bytea) RETURNS json LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN convert_from(body, 'UTF8')::json;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

CREATE VIEW ops.deliveries AS
SELECT 'plane' AS source, delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts,
       last_error, result, work_item_ref, received_at, processed_at, body, ops.json_or_null(body) AS payload
FROM ops.plane_webhook_deliveries
UNION ALL
SELECT 'github', delivery_id, event_type,
       CASE status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END,
       encoding, body_sha256, body_bytes, retry_count,
       error_message, result, work_item_ref, created_at, processed_at, body, ops.json_or_null(body)
FROM ops.github_webhook_events;

CREATE TABLE ops.work_queue (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text NOT NULL,
    delivery_id  text NOT NULL,
    lane         text,
    status       text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'claimed', 'done', 'dead')),
    attempts     bigint NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL,
    claimed_at   timestamptz,
    lease        text,
    lease_until  timestamptz,
    last_error   text,
    finished_at  timestamptz,
    UNIQUE (delivery_id, source)
);
CREATE INDEX work_queue_due ON ops.work_queue (available_at, id) WHERE status = 'queued';
CREATE INDEX work_queue_claimed ON ops.work_queue (lane) WHERE status = 'claimed';
CREATE INDEX work_queue_lease ON ops.work_queue (lease) WHERE status = 'claimed';
CREATE INDEX work_queue_dead ON ops.work_queue (finished_at) WHERE status = 'dead';

CREATE TABLE ops.work_items (
    work_item_ref    text PRIMARY KEY,
    system           text NOT NULL CHECK (system IN ('plane', 'github')),
    external_id      text NOT NULL,
    project_ref      text NOT NULL,
    title            text NOT NULL,
    status           text NOT NULL,
    assignee         text,
    url              text,
    updated_at       timestamptz NOT NULL,
    key              text,
    kind             text NOT NULL CHECK (kind IN ('issue', 'pull_request')),
    state_group      text CHECK (state_group IN ('backlog', 'unstarted', 'started', 'completed', 'cancelled')),
    labels           jsonb NOT NULL DEFAULT '[]',
    assignees        jsonb NOT NULL DEFAULT '[]',
    priority         text,
    created_at       timestamptz,
    completed_at     timestamptz,
    deleted_at       timestamptz,
    ingested_at      timestamptz NOT NULL,
    missing          jsonb NOT NULL DEFAULT '[]',
    -- The winning snapshot as it was told; null for an item that was only ever told to be gone.
    state            jsonb
);
CREATE INDEX work_items_board ON ops.work_items (state_group, updated_at DESC, work_item_ref) WHERE deleted_at IS NULL;
CREATE INDEX work_items_updated ON ops.work_items (updated_at DESC, work_item_ref);
CREATE INDEX work_items_project ON ops.work_items (project_ref);

CREATE TABLE ops.timeline (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_item_ref text,
    source        text NOT NULL,
    delivery_id   text NOT NULL,
    attempt       bigint NOT NULL,
    at            timestamptz NOT NULL,
    outcome       text NOT NULL CHECK (outcome IN ('applied', 'ignored', 'retry', 'waiting', 'dead', 'replayed')),
    reason        text NOT NULL,
    changes       json NOT NULL DEFAULT '[]'
);
CREATE INDEX timeline_item ON ops.timeline (work_item_ref, id);
CREATE INDEX timeline_delivery ON ops.timeline (delivery_id, source);

CREATE TABLE ops.plane_directory (
    kind       text NOT NULL,
    id         text NOT NULL,
    scope      text NOT NULL DEFAULT '',
    entry      json NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE ops.sessions (
    token_sha256 bytea PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('session', 'sign_in_link')),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
