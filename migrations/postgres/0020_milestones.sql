-- What GitHub's milestones are in Plane: modules or cycles, by the repository's choice.

CREATE TABLE ops.milestone_bundles (
    -- GitHub's numeric id: survives another title.
    milestone_id  bigint NOT NULL,
    plane_project text NOT NULL,
    -- 'module' or 'cycle'.
    kind          text NOT NULL,
    -- Plane's id; null until it is made or found.
    plane_id      text,
    -- JSON that only Jetbridge reads: what both last agreed on (src/sync/milestones.rs).
    base          text,
    -- The write that is under way; null when there is none.
    intent        text,
    lease         text,
    lease_until   timestamptz,
    PRIMARY KEY (milestone_id, plane_project, kind)
);
