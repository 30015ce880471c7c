-- What the board is derived from besides bodies, and what keeping the inbox small needs.

-- Plane's names and addresses as readings used them, under a short key. Few rows: most deliveries
-- of a project are read with the same.
CREATE TABLE plane_names (
    key   TEXT PRIMARY KEY,
    names TEXT NOT NULL
);
-- The keys with which the delivery was read, apart by spaces; null where it was never read, or
-- before there was this column.
ALTER TABLE plane_webhook_deliveries ADD COLUMN names TEXT;
ALTER TABLE plane_webhook_deliveries ADD COLUMN body_dropped_at TEXT;
ALTER TABLE github_webhook_events ADD COLUMN body_dropped_at TEXT;

-- None of these is touched by the insert of a delivery.
CREATE INDEX plane_webhook_deliveries_no_item ON plane_webhook_deliveries (delivery_id) WHERE work_item_ref IS NULL AND result IS NOT NULL;
CREATE INDEX github_webhook_events_no_item ON github_webhook_events (delivery_id) WHERE work_item_ref IS NULL AND result IS NOT NULL;
CREATE INDEX plane_webhook_deliveries_kept ON plane_webhook_deliveries (received_at) WHERE status = 'processed' AND body IS NOT NULL;
CREATE INDEX github_webhook_events_kept ON github_webhook_events (created_at) WHERE status = 'completed' AND body IS NOT NULL;

-- What GitHub said of an issue when it was asked, as far as it was shown: the highest of its answers.
CREATE TABLE github_answers (
    work_item_ref      TEXT PRIMARY KEY,
    state              TEXT NOT NULL,
    description        TEXT,
    description_format TEXT,
    answered_at        TEXT NOT NULL
);
INSERT INTO github_answers (work_item_ref, state, description, description_format, answered_at)
SELECT work_item_ref, state, description, description_format, ingested_at FROM work_items
WHERE state ->> 'asked_at' IS NOT NULL;

-- What a running rebuild will put in place of what differs.
CREATE TABLE rebuild_rows (
    run           TEXT NOT NULL,
    work_item_ref TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    item          TEXT,
    comments      TEXT NOT NULL,
    gone          TEXT NOT NULL,
    derived_at    TEXT NOT NULL,
    PRIMARY KEY (run, work_item_ref)
);
