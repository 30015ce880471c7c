-- A delivery whose issue is kept in step with Plane is read first and carried over second; the
-- second stage waits for other people's servers and has a queue of its own in the same table.

ALTER TABLE work_queue ADD COLUMN stage TEXT NOT NULL DEFAULT 'read' CHECK (stage IN ('read', 'sync'));
DROP INDEX work_queue_due;
CREATE INDEX work_queue_due ON work_queue (available_at, id) WHERE status = 'queued' AND stage = 'read';
CREATE INDEX work_queue_sync_due ON work_queue (available_at, id) WHERE status = 'queued' AND stage = 'sync';
CREATE INDEX work_queue_sync_lane ON work_queue (lane) WHERE status = 'queued' AND stage = 'sync';

-- GitHub counts in seconds: of the states of one second the one counts that arrived last.
ALTER TABLE issue_links ADD COLUMN github_arrival INTEGER;
-- What was written to an item, newest first: Plane's webhooks are held against it.
CREATE INDEX write_intents_link ON write_intents (issue_link, id);
