-- The board reads cards, one row each, kept with every change of an item, a link or a job.

CREATE TABLE ops.board_cards (
    card_ref    text PRIMARY KEY,
    lead_ref    text NOT NULL,
    github_ref  text,
    plane_ref   text,
    kind        text NOT NULL CHECK (kind IN ('issue', 'pull_request')),
    home        text NOT NULL,
    repository  text,
    state_group text,
    status      text NOT NULL,
    assignee    text,
    health      text,
    updated_at  timestamptz NOT NULL,
    state_since timestamptz NOT NULL,
    -- Lists of names, and what a search looks through.
    assignees   text NOT NULL,
    labels      text NOT NULL,
    words       text NOT NULL,
    -- What the card says; read whole, never searched.
    card        json NOT NULL
);
CREATE INDEX board_cards_column ON ops.board_cards (state_group, updated_at DESC, card_ref);
CREATE INDEX board_cards_home ON ops.board_cards (home, state_group, updated_at DESC, card_ref);
CREATE INDEX board_cards_assignee ON ops.board_cards (assignee, state_group, updated_at DESC, card_ref);
CREATE INDEX board_cards_repository ON ops.board_cards (repository, state_group, updated_at DESC, card_ref)
    WHERE repository IS NOT NULL;
CREATE INDEX board_cards_health ON ops.board_cards (health, updated_at DESC)
    WHERE health IS NOT NULL AND health <> 'in_sync';
CREATE INDEX board_cards_open ON ops.board_cards (updated_at)
    WHERE state_group IS NULL OR state_group NOT IN ('completed', 'cancelled');
CREATE INDEX board_cards_plane ON ops.board_cards (plane_ref) WHERE plane_ref IS NOT NULL;

-- What filters, lanes and columns can be: every project, assignee, label and state that a card
-- ever had; of a state its project, group and name.
CREATE TABLE ops.board_choices (
    kind  text NOT NULL CHECK (kind IN ('project', 'assignee', 'label', 'state')),
    value text NOT NULL,
    name  text,
    PRIMARY KEY (kind, value)
);

-- Items whose cards are to be made anew; worked off when a database is opened.
CREATE TABLE ops.board_dirty (
    work_item_ref text PRIMARY KEY
);
INSERT INTO ops.board_dirty (work_item_ref) SELECT work_item_ref FROM ops.work_items;

-- Which pull request says that it closes which issue: owner/name#12, lower case.
CREATE TABLE ops.closing_links (
    pull_request_ref text NOT NULL,
    issue_key        text NOT NULL,
    PRIMARY KEY (pull_request_ref, issue_key)
);
CREATE INDEX closing_links_issue ON ops.closing_links (issue_key);
CREATE INDEX work_items_issue_key ON ops.work_items (lower(key)) WHERE system = 'github' AND kind = 'issue';

-- The jobs that a card has to say something about.
CREATE INDEX work_queue_trouble ON ops.work_queue (lane) WHERE last_error IS NOT NULL AND status <> 'done';

CREATE TABLE ops.board_views (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    -- The address after its question mark.
    query      text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE ops.board_limits (
    -- Empty for the columns over all projects, else the project.
    scope       text NOT NULL,
    column_slug text NOT NULL,
    most        bigint NOT NULL CHECK (most >= 0),
    PRIMARY KEY (scope, column_slug)
);
