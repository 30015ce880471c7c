-- Assignees both ways: people of Plane's who are nobody on GitHub.

-- Who is assigned to a linked item in Plane and has no counterpart on GitHub, as the last sync found.
CREATE TABLE ops.unmapped_members (
    issue_link  bigint NOT NULL REFERENCES ops.issue_links (id) ON DELETE CASCADE,
    -- Plane's id of the user.
    member      text NOT NULL,
    -- What they are called there.
    member_name text NOT NULL,
    found_at    timestamptz NOT NULL,
    PRIMARY KEY (issue_link, member)
);
CREATE INDEX unmapped_members_member ON ops.unmapped_members (member);

-- Users of Plane who are nobody on GitHub, on purpose, as people decided in the page.
CREATE TABLE ops.members_apart (
    member      text PRIMARY KEY,
    member_name text NOT NULL,
    decided_by  text NOT NULL,
    decided_at  timestamptz NOT NULL
);
