-- What [[repositories]] says beside project and direction, as JSON: from the configuration file, or
-- applied by a person. Null: nothing is said.
ALTER TABLE repository_syncs ADD COLUMN settings TEXT;

-- Who a GitHub account is in Plane, as people decided in the page, in lower case.
CREATE TABLE people (
    login      TEXT PRIMARY KEY,
    -- Plane's id of the user; null: nobody, on purpose.
    member     TEXT,
    -- What the member was called then.
    member_name TEXT,
    decided_by TEXT NOT NULL,
    decided_at TEXT NOT NULL
);

-- Assignees of a linked issue who have no counterpart in Plane, as the last sync found.
CREATE TABLE unmapped_assignees (
    issue_link INTEGER NOT NULL REFERENCES issue_links (id) ON DELETE CASCADE,
    login      TEXT NOT NULL,
    found_at   TEXT NOT NULL,
    PRIMARY KEY (issue_link, login)
);
CREATE INDEX unmapped_assignees_login ON unmapped_assignees (login);

-- Counts up with every change of settings and people: whoever read them before reads them again.
CREATE TABLE settings_revision (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
);
INSERT INTO settings_revision (id, revision) VALUES (1, 0);
