-- Into which project an issue's work item was made, and which one is wanted for it since.

-- The rule that put it there; null where it is the repository's own project.
ALTER TABLE issue_links ADD COLUMN placed_by TEXT;
-- Another project that is wanted now: Plane can't move an item, so it stays; null where it is in the
-- one that is wanted.
ALTER TABLE issue_links ADD COLUMN wanted_project TEXT;

-- The workspace of Plane's in which a repository's projects are, by its slug; null for plane.workspace.
ALTER TABLE repository_syncs ADD COLUMN plane_workspace TEXT;
-- The same of a link's project, as it was when its item was made.
ALTER TABLE issue_links ADD COLUMN plane_workspace TEXT;
