-- Work items of Plane's own that pull requests move: those that have no issue on GitHub, and so no
-- row in issue_links.

CREATE TABLE ops.pull_moves (
    plane_ref     text PRIMARY KEY,
    plane_project text NOT NULL,
    -- JSON that only Jetbridge reads: what was last made of its pull requests (src/sync/pulls.rs).
    base          text,
    -- The write that is under way, and where it leads; null when there is none.
    intent        text,
    lease         text,
    lease_until   timestamptz,
    moved_at      timestamptz
);
