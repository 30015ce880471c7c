-- Whose turn it is in the second stage, so that a repository with much to do delays only itself.

-- The row of its repository, for what is to be carried over; 0 for everything else.
ALTER TABLE work_queue ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE work_queue
SET place = COALESCE((SELECT d.repository_sync FROM github_webhook_events d WHERE d.delivery_id = work_queue.delivery_id), 0)
WHERE stage = 'sync' AND source = 'github' AND status IN ('queued', 'claimed');
CREATE INDEX work_queue_sync_by_place ON work_queue (place, class, available_at, id)
    WHERE status = 'queued' AND stage = 'sync';

CREATE TABLE sync_turns (
    -- The repository's row; -1 holds the turn that was served last.
    place   INTEGER PRIMARY KEY,
    turn    INTEGER NOT NULL DEFAULT 0,
    -- Nothing more is begun before, where its rate is limited.
    next_at TEXT
);
