-- What belongs to what: issues and work items, comments and their mirrors, and every write that
-- is meant to be made. `base` and `write` are json, not jsonb: they are read whole, never searched.

CREATE TABLE ops.issue_links (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_sync   bigint REFERENCES ops.repository_syncs (id) ON DELETE SET NULL,
    repository        text NOT NULL,
    github_issue_id   bigint NOT NULL,
    github_number     bigint NOT NULL,
    github_ref        text NOT NULL,
    github_updated_at timestamptz,
    plane_project     text NOT NULL,
    plane_item_id     text,
    plane_ref         text,
    status            text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ok', 'conflict', 'broken')),
    last_error        text,
    base              json,
    markdown          text,
    revision          bigint NOT NULL DEFAULT 0,
    lease             text,
    lease_until       timestamptz,
    created_at        timestamptz NOT NULL,
    synced_at         timestamptz,
    UNIQUE (github_issue_id, plane_project)
);
CREATE INDEX issue_links_github ON ops.issue_links (github_ref);
CREATE UNIQUE INDEX issue_links_plane ON ops.issue_links (plane_ref) WHERE plane_ref IS NOT NULL;
CREATE INDEX issue_links_trouble ON ops.issue_links (status) WHERE status IN ('conflict', 'broken');

CREATE TABLE ops.comment_links (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issue_link        bigint NOT NULL REFERENCES ops.issue_links (id) ON DELETE CASCADE,
    github_comment_id bigint NOT NULL,
    plane_comment_id  text,
    status            text NOT NULL CHECK (status IN ('pending', 'mirrored', 'deleted', 'released')),
    markdown_sha256   text NOT NULL,
    stored_html       text NOT NULL,
    synced_at         timestamptz NOT NULL,
    deleted_at        timestamptz,
    UNIQUE (issue_link, github_comment_id)
);
CREATE INDEX comment_links_plane ON ops.comment_links (plane_comment_id) WHERE plane_comment_id IS NOT NULL;

CREATE TABLE ops.write_intents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issue_link  bigint NOT NULL REFERENCES ops.issue_links (id) ON DELETE CASCADE,
    kind        text NOT NULL,
    target      text NOT NULL,
    write       json NOT NULL,
    expected    json,
    status      text NOT NULL DEFAULT 'intended' CHECK (status IN ('intended', 'made', 'settled', 'abandoned')),
    attempt     bigint NOT NULL,
    answer_id   text,
    reason      text,
    intended_at timestamptz NOT NULL,
    made_at     timestamptz,
    ended_at    timestamptz
);
CREATE INDEX write_intents_open ON ops.write_intents (issue_link, id) WHERE status IN ('intended', 'made');
CREATE INDEX write_intents_ended ON ops.write_intents (ended_at) WHERE ended_at IS NOT NULL;
