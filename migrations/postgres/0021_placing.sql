-- Into which project an issue's work item was made, and which one is wanted for it since.

-- The rule that put it there; null where it is the repository's own project.
ALTER TABLE ops.issue_links ADD COLUMN placed_by text;
-- Another project that is wanted now: Plane can't move an item, so it stays; null where it is in the
-- one that is wanted.
ALTER TABLE ops.issue_links ADD COLUMN wanted_project text;
