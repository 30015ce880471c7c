-- Which label that Jetbridge made in Plane stands for which of GitHub's, and what both sides last
-- agreed on about it.

CREATE TABLE ops.label_links (
    github_label_id bigint NOT NULL,
    plane_project   text NOT NULL,
    repository_sync bigint REFERENCES ops.repository_syncs (id) ON DELETE SET NULL,
    -- Null while it is not made.
    plane_label_id  text,
    -- followed, left, ended.
    standing        text NOT NULL DEFAULT 'followed',
    -- JSON that only Jetbridge reads (src/sync/labels.rs).
    link            text,
    -- The write that is under way, and where it leads; null when there is none.
    intent          text,
    lease           text,
    lease_until     timestamptz,
    changed_at      timestamptz,
    PRIMARY KEY (github_label_id, plane_project)
);
CREATE INDEX label_links_project ON ops.label_links (plane_project);
