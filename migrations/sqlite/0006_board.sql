-- The board reads cards, one row each, kept with every change of an item, a link or a job.

CREATE TABLE board_cards (
    card_ref    TEXT PRIMARY KEY,
    lead_ref    TEXT NOT NULL,
    github_ref  TEXT,
    plane_ref   TEXT,
    kind        TEXT NOT NULL CHECK (kind IN ('issue', 'pull_request')),
    home        TEXT NOT NULL,
    repository  TEXT,
    state_group TEXT,
    status      TEXT NOT NULL,
    assignee    TEXT,
    health      TEXT,
    updated_at  TEXT NOT NULL,
    state_since TEXT NOT NULL,
    -- Lists of names, and what a search looks through.
    assignees   TEXT NOT NULL,
    labels      TEXT NOT NULL,
    words       TEXT NOT NULL,
    -- What the card says; read whole, never searched.
    card        TEXT NOT NULL
);
CREATE INDEX board_cards_column ON board_cards (state_group, updated_at DESC, card_ref);
CREATE INDEX board_cards_home ON board_cards (home, state_group, updated_at DESC, card_ref);
CREATE INDEX board_cards_assignee ON board_cards (assignee, state_group, updated_at DESC, card_ref);
CREATE INDEX board_cards_repository ON board_cards (repository, state_group, updated_at DESC, card_ref)
    WHERE repository IS NOT NULL;
CREATE INDEX board_cards_health ON board_cards (health, updated_at DESC)
    WHERE health IS NOT NULL AND health <> 'in_sync';
CREATE INDEX board_cards_open ON board_cards (updated_at)
    WHERE state_group IS NULL OR state_group NOT IN ('completed', 'cancelled');
CREATE INDEX board_cards_plane ON board_cards (plane_ref) WHERE plane_ref IS NOT NULL;

-- What filters, lanes and columns can be: every project, assignee, label and state that a card
-- ever had; of a state its project, group and name.
CREATE TABLE board_choices (
    kind  TEXT NOT NULL CHECK (kind IN ('project', 'assignee', 'label', 'state')),
    value TEXT NOT NULL,
    name  TEXT,
    PRIMARY KEY (kind, value)
);

-- Items whose cards are to be made anew; worked off when a database is opened.
CREATE TABLE board_dirty (
    work_item_ref TEXT PRIMARY KEY
);
INSERT INTO board_dirty (work_item_ref) SELECT work_item_ref FROM work_items;

-- Which pull request says that it closes which issue: owner/name#12, lower case.
CREATE TABLE closing_links (
    pull_request_ref TEXT NOT NULL,
    issue_key        TEXT NOT NULL,
    PRIMARY KEY (pull_request_ref, issue_key)
);
CREATE INDEX closing_links_issue ON closing_links (issue_key);
CREATE INDEX work_items_issue_key ON work_items (lower(key)) WHERE system = 'github' AND kind = 'issue';

-- The jobs that a card has to say something about.
CREATE INDEX work_queue_trouble ON work_queue (lane) WHERE last_error IS NOT NULL AND status <> 'done';

CREATE TABLE board_views (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    -- The address after its question mark.
    query      TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE board_limits (
    -- Empty for the columns over all projects, else the project.
    scope       TEXT NOT NULL,
    column_slug TEXT NOT NULL,
    most        INTEGER NOT NULL CHECK (most >= 0),
    PRIMARY KEY (scope, column_slug)
);
