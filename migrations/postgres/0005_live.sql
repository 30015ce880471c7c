-- Which items changed, in the order in which the changes were committed: what live readers resume
-- from. One narrow row an item that holds its newest revision, so there is nothing to purge, and a
-- comment, a link or an attempt does not rewrite the item's own wide row.

CREATE SEQUENCE ops.work_item_revisions;
CREATE TABLE ops.work_item_changes (
    work_item_ref text PRIMARY KEY,
    revision      bigint NOT NULL
);
CREATE UNIQUE INDEX work_item_changes_revision ON ops.work_item_changes (revision);

-- Gives each of these items the next revision. Always the last statement of its transaction: the
-- lock makes the order of revisions that of the commits, and is held until the commit is done.
-- Without it a reader that has seen 8 would miss a 7 that is committed after it.
CREATE FUNCTION ops.revise_work_items(refs json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(116894421313898);
    INSERT INTO ops.work_item_changes AS known (work_item_ref, revision)
    SELECT ref, nextval('ops.work_item_revisions')
    FROM (SELECT DISTINCT json_array_elements_text(refs) AS ref) AS changed
    ON CONFLICT (work_item_ref) DO UPDATE SET revision = excluded.revision;
END $$;

SELECT ops.revise_work_items(COALESCE(json_agg(work_item_ref ORDER BY ingested_at), '[]')) FROM ops.work_items;
