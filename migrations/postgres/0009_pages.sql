-- What the pages ask for. Every listing of deliveries walks one of these indexes from its newest
-- entry; that of items costs nothing before a delivery is worked off.
CREATE INDEX plane_webhook_deliveries_event ON ops.plane_webhook_deliveries (event_type, received_at);
CREATE INDEX plane_webhook_deliveries_item ON ops.plane_webhook_deliveries (work_item_ref, received_at) WHERE work_item_ref IS NOT NULL;
CREATE INDEX github_webhook_events_event_created ON ops.github_webhook_events (event_type, created_at);
CREATE INDEX github_webhook_events_item ON ops.github_webhook_events (work_item_ref, created_at) WHERE work_item_ref IS NOT NULL;
CREATE INDEX work_items_key ON ops.work_items (lower(key)) WHERE key IS NOT NULL;

-- How the links of one repository stand.
CREATE INDEX issue_links_repository ON ops.issue_links (repository_sync, status);
CREATE INDEX issue_links_error ON ops.issue_links (repository_sync, id) WHERE last_error IS NOT NULL;

-- The delivery that a write was made for; null for one that a person asked for.
ALTER TABLE ops.write_intents
    ADD COLUMN source      text,
    ADD COLUMN delivery_id text;
