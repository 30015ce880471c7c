-- What [[repositories]] says beside project and direction, as JSON: from the configuration file, or
-- applied by a person. Null: nothing is said.
ALTER TABLE ops.repository_syncs ADD COLUMN settings json;

-- Who a GitHub account is in Plane, as people decided in the page, in lower case.
CREATE TABLE ops.people (
    login      text PRIMARY KEY,
    -- Plane's id of the user; null: nobody, on purpose.
    member     text,
    -- What the member was called then.
    member_name text,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL
);

-- Assignees of a linked issue who have no counterpart in Plane, as the last sync found.
CREATE TABLE ops.unmapped_assignees (
    issue_link bigint NOT NULL REFERENCES ops.issue_links (id) ON DELETE CASCADE,
    login      text NOT NULL,
    found_at   timestamptz NOT NULL,
    PRIMARY KEY (issue_link, login)
);
CREATE INDEX unmapped_assignees_login ON ops.unmapped_assignees (login);

-- Counts up with every change of settings and people: whoever read them before reads them again.
CREATE TABLE ops.settings_revision (
    id       bigint PRIMARY KEY CHECK (id = 1),
    revision bigint NOT NULL
);
INSERT INTO ops.settings_revision (id, revision) VALUES (1, 0);
