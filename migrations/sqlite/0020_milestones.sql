-- What GitHub's milestones are in Plane: modules or cycles, by the repository's choice.

CREATE TABLE milestone_bundles (
    -- GitHub's numeric id: survives another title.
    milestone_id  INTEGER NOT NULL,
    plane_project TEXT NOT NULL,
    -- 'module' or 'cycle'.
    kind          TEXT NOT NULL,
    -- Plane's id; null until it is made or found.
    plane_id      TEXT,
    -- JSON that only Jetbridge reads: what both last agreed on (src/sync/milestones.rs).
    base          TEXT,
    -- The write that is under way; null when there is none.
    intent        TEXT,
    lease         TEXT,
    lease_until   TEXT,
    PRIMARY KEY (milestone_id, plane_project, kind)
);
