-- Which label that Jetbridge made in Plane stands for which of GitHub's, and what both sides last
-- agreed on about it.

CREATE TABLE label_links (
    github_label_id INTEGER NOT NULL,
    plane_project   TEXT NOT NULL,
    repository_sync INTEGER REFERENCES repository_syncs (id) ON DELETE SET NULL,
    -- Null while it is not made.
    plane_label_id  TEXT,
    -- followed, left, ended.
    standing        TEXT NOT NULL DEFAULT 'followed',
    -- JSON that only Jetbridge reads (src/sync/labels.rs).
    link            TEXT,
    -- The write that is under way, and where it leads; null when there is none.
    intent          TEXT,
    lease           TEXT,
    lease_until     TEXT,
    changed_at      TEXT,
    PRIMARY KEY (github_label_id, plane_project)
);
CREATE INDEX label_links_project ON label_links (plane_project);
