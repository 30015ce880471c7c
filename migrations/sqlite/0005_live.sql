-- Which items changed, in the order in which the changes were committed: what live readers resume
-- from. One narrow row an item that holds its newest revision, so there is nothing to purge.
-- AUTOINCREMENT keeps the highest revision ever given in a row of its own; one writer makes the
-- order of revisions that of the commits.

CREATE TABLE work_item_changes (
    revision      INTEGER PRIMARY KEY AUTOINCREMENT,
    work_item_ref TEXT NOT NULL UNIQUE
);
INSERT INTO work_item_changes (work_item_ref) SELECT work_item_ref FROM work_items ORDER BY ingested_at;
