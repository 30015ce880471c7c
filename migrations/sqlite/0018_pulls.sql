-- Work items of Plane's own that pull requests move: those that have no issue on GitHub, and so no
-- row in issue_links.

CREATE TABLE pull_moves (
    plane_ref     TEXT PRIMARY KEY,
    plane_project TEXT NOT NULL,
    -- JSON that only Jetbridge reads: what was last made of its pull requests (src/sync/pulls.rs).
    base          TEXT,
    -- The write that is under way, and where it leads; null when there is none.
    intent        TEXT,
    lease         TEXT,
    lease_until   TEXT,
    moved_at      TEXT
);
