-- What the board is derived from besides bodies, and what keeping the inbox small needs.

-- Plane's names and addresses as readings used them, under a short key. Few rows: most deliveries
-- of a project are read with the same.
CREATE TABLE ops.plane_names (
    key   text PRIMARY KEY,
    names json NOT NULL
);
-- The keys with which the delivery was read, apart by spaces; null where it was never read, or
-- before there was this column.
ALTER TABLE ops.plane_webhook_deliveries
    ADD COLUMN names           text,
    ADD COLUMN body_dropped_at timestamptz;
ALTER TABLE ops.github_webhook_events
    ADD COLUMN body_dropped_at timestamptz;

-- None of these is touched by the insert of a delivery.
CREATE INDEX plane_webhook_deliveries_no_item ON ops.plane_webhook_deliveries (delivery_id) WHERE work_item_ref IS NULL AND result IS NOT NULL;
CREATE INDEX github_webhook_events_no_item ON ops.github_webhook_events (delivery_id) WHERE work_item_ref IS NULL AND result IS NOT NULL;
CREATE INDEX plane_webhook_deliveries_kept ON ops.plane_webhook_deliveries (received_at) WHERE status = 'processed' AND body IS NOT NULL;
CREATE INDEX github_webhook_events_kept ON ops.github_webhook_events (created_at) WHERE status = 'completed' AND body IS NOT NULL;

-- What GitHub said of an issue when it was asked, as far as it was shown: the highest of its answers.
CREATE TABLE ops.github_answers (
    work_item_ref      text PRIMARY KEY,
    state              jsonb NOT NULL,
    description        text,
    description_format text,
    answered_at        timestamptz NOT NULL
);
INSERT INTO ops.github_answers (work_item_ref, state, description, description_format, answered_at)
SELECT work_item_ref, state, description, description_format, ingested_at FROM ops.work_items
WHERE state ->> 'asked_at' IS NOT NULL;

-- What a running rebuild will put in place of what differs.
CREATE TABLE ops.rebuild_rows (
    run           text NOT NULL,
    work_item_ref text NOT NULL,
    fingerprint   text NOT NULL,
    item          text,
    comments      text NOT NULL,
    gone          text NOT NULL,
    derived_at    timestamptz NOT NULL,
    PRIMARY KEY (run, work_item_ref)
);

-- Room that retention frees shall be used again soon, also where a table is large.
ALTER TABLE ops.plane_webhook_deliveries SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE ops.github_webhook_events SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE ops.work_queue SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE ops.timeline SET (autovacuum_vacuum_scale_factor = 0.02);
