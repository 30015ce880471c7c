-- When what would mend an item was last put in, so that what does not mend it is put in ever more rarely.
ALTER TABLE ops.drift_items ADD COLUMN put_at timestamptz;
-- Since when a repository's comparisons come to no end.
ALTER TABLE ops.drift_walks ADD COLUMN failing_since timestamptz;
-- How often in a row Plane refused to have its canary touched, and when it last did.
ALTER TABLE ops.plane_canaries ADD COLUMN refusals integer NOT NULL DEFAULT 0;
ALTER TABLE ops.plane_canaries ADD COLUMN refused_at timestamptz;
