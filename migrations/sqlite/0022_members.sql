-- Assignees both ways: people of Plane's who are nobody on GitHub.

-- Who is assigned to a linked item in Plane and has no counterpart on GitHub, as the last sync found.
CREATE TABLE unmapped_members (
    issue_link  INTEGER NOT NULL REFERENCES issue_links (id) ON DELETE CASCADE,
    -- Plane's id of the user.
    member      TEXT NOT NULL,
    -- What they are called there.
    member_name TEXT NOT NULL,
    found_at    TEXT NOT NULL,
    PRIMARY KEY (issue_link, member)
);
CREATE INDEX unmapped_members_member ON unmapped_members (member);

-- Users of Plane who are nobody on GitHub, on purpose, as people decided in the page.
CREATE TABLE members_apart (
    member      TEXT PRIMARY KEY,
    member_name TEXT NOT NULL,
    decided_by  TEXT NOT NULL,
    decided_at  TEXT NOT NULL
);
