-- Which issue an issue is a sub-issue of: GitHub's numeric id of the parent, as it was last told, so
-- that a parent finds those that wait for it.

ALTER TABLE issue_links ADD COLUMN github_parent_id INTEGER;
CREATE INDEX issue_links_by_parent ON issue_links (github_parent_id)
    WHERE github_parent_id IS NOT NULL;
