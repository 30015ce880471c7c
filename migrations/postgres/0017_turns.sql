-- Whose turn it is in the second stage, so that a repository with much to do delays only itself.

-- The row of its repository, for what is to be carried over; 0 for everything else.
ALTER TABLE ops.work_queue ADD COLUMN place bigint NOT NULL DEFAULT 0;
UPDATE ops.work_queue q
SET place = COALESCE((SELECT d.repository_sync FROM ops.github_webhook_events d WHERE d.delivery_id = q.delivery_id), 0)
WHERE q.stage = 'sync' AND q.source = 'github' AND q.status IN ('queued', 'claimed');
CREATE INDEX work_queue_sync_by_place ON ops.work_queue (place, class, available_at, id)
    WHERE status = 'queued' AND stage = 'sync';

CREATE TABLE ops.sync_turns (
    -- The repository's row; -1 holds the turn that was served last.
    place   bigint PRIMARY KEY,
    turn    bigint NOT NULL DEFAULT 0,
    -- Nothing more is begun before, where its rate is limited.
    next_at timestamptz
);
