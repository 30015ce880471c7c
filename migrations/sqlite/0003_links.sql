-- The same tables as in PostgreSQL, without the schema; times and JSON are text.

CREATE TABLE issue_links (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_sync   INTEGER REFERENCES repository_syncs (id) ON DELETE SET NULL,
    repository        TEXT NOT NULL,
    github_issue_id   INTEGER NOT NULL,
    github_number     INTEGER NOT NULL,
    github_ref        TEXT NOT NULL,
    github_updated_at TEXT,
    plane_project     TEXT NOT NULL,
    plane_item_id     TEXT,
    plane_ref         TEXT,
    status            TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ok', 'conflict', 'broken')),
    last_error        TEXT,
    base              TEXT,
    markdown          TEXT,
    revision          INTEGER NOT NULL DEFAULT 0,
    lease             TEXT,
    lease_until       TEXT,
    created_at        TEXT NOT NULL,
    synced_at         TEXT,
    UNIQUE (github_issue_id, plane_project)
);
CREATE INDEX issue_links_github ON issue_links (github_ref);
CREATE UNIQUE INDEX issue_links_plane ON issue_links (plane_ref) WHERE plane_ref IS NOT NULL;
CREATE INDEX issue_links_trouble ON issue_links (status) WHERE status IN ('conflict', 'broken');

CREATE TABLE comment_links (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_link        INTEGER NOT NULL REFERENCES issue_links (id) ON DELETE CASCADE,
    github_comment_id INTEGER NOT NULL,
    plane_comment_id  TEXT,
    status            TEXT NOT NULL CHECK (status IN ('pending', 'mirrored', 'deleted', 'released')),
    markdown_sha256   TEXT NOT NULL,
    stored_html       TEXT NOT NULL,
    synced_at         TEXT NOT NULL,
    deleted_at        TEXT,
    UNIQUE (issue_link, github_comment_id)
);
CREATE INDEX comment_links_plane ON comment_links (plane_comment_id) WHERE plane_comment_id IS NOT NULL;

CREATE TABLE write_intents (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_link  INTEGER NOT NULL REFERENCES issue_links (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    target      TEXT NOT NULL,
    write       TEXT NOT NULL,
    expected    TEXT,
    status      TEXT NOT NULL DEFAULT 'intended' CHECK (status IN ('intended', 'made', 'settled', 'abandoned')),
    attempt     INTEGER NOT NULL,
    answer_id   TEXT,
    reason      TEXT,
    intended_at TEXT NOT NULL,
    made_at     TEXT,
    ended_at    TEXT
);
CREATE INDEX write_intents_open ON write_intents (issue_link, id) WHERE status IN ('intended', 'made');
CREATE INDEX write_intents_ended ON write_intents (ended_at) WHERE ended_at IS NOT NULL;
