-- When what would mend an item was last put in, so that what does not mend it is put in ever more rarely.
ALTER TABLE drift_items ADD COLUMN put_at TEXT;
-- Since when a repository's comparisons come to no end.
ALTER TABLE drift_walks ADD COLUMN failing_since TEXT;
-- How often in a row Plane refused to have its canary touched, and when it last did.
ALTER TABLE plane_canaries ADD COLUMN refusals integer NOT NULL DEFAULT 0;
ALTER TABLE plane_canaries ADD COLUMN refused_at TEXT;
