//! The statements behind `refresh`, each in both dialects. They differ only in how they read a
//! list of texts; several rows travel as one JSON text.

use crate::store::rows::{Statement, statement};

/// `$given` in both dialects: the texts of a JSON list.
macro_rules! listing {
    (postgres, $parameter:literal) => {
        concat!("SELECT json_array_elements_text(", $parameter, "::json)")
    };
    (sqlite, $parameter:literal) => {
        concat!("SELECT value FROM json_each(", $parameter, ")")
    };
}
/// A statement that differs only in how it reads lists.
macro_rules! both {
    ($text:ident) => {
        Statement { postgres: $text!(postgres), sqlite: $text!(sqlite) }
    };
}

/// Every item whose card may change with these items, or with issues of these keys.
macro_rules! near {
    ($dialect:ident) => {
        concat!(
            "WITH given(ref) AS (", listing!($dialect, "$1"), "),
             about(ref) AS (
                SELECT ref FROM given
                UNION SELECT i.work_item_ref FROM closing_links c JOIN given g ON c.pull_request_ref = g.ref
                    JOIN work_items i ON lower(i.key) = c.issue_key AND i.key IS NOT NULL AND i.kind = 'issue'
                UNION SELECT i.work_item_ref FROM work_items i
                    WHERE i.key IS NOT NULL AND i.kind = 'issue' AND lower(i.key) IN (", listing!($dialect, "$2"), ")
             ),
             near(ref) AS (
                SELECT ref FROM about
                UNION SELECT l.github_ref FROM issue_links l JOIN about a ON l.plane_ref = a.ref
                UNION SELECT l.plane_ref FROM issue_links l JOIN about a ON l.github_ref = a.ref WHERE l.plane_ref IS NOT NULL
             )
             SELECT ref FROM near
             UNION SELECT c.pull_request_ref FROM near n
                JOIN work_items i ON i.work_item_ref = n.ref AND i.kind = 'issue'
                JOIN closing_links c ON c.issue_key = lower(i.key)"
        )
    };
}
macro_rules! ties {
    ($dialect:ident) => {
        concat!(
            "SELECT id, github_ref, plane_ref, status, last_error, synced_at, base FROM issue_links
             WHERE github_ref IN (",
            listing!($dialect, "$1"),
            ")"
        )
    };
}
macro_rules! closings {
    ($dialect:ident) => {
        concat!(
            "SELECT pull_request_ref, issue_key FROM closing_links WHERE pull_request_ref IN (", listing!($dialect, "$1"), ")
             UNION SELECT c.pull_request_ref, c.issue_key FROM work_items i JOIN closing_links c ON c.issue_key = lower(i.key)
             WHERE i.kind = 'issue' AND i.work_item_ref IN (", listing!($dialect, "$1"), ")"
        )
    };
}
macro_rules! items {
    ($dialect:ident) => {
        concat!(
            "SELECT work_item_ref, system, external_id, project_ref, state, deleted_at, moved_to, ingested_at
             FROM work_items WHERE work_item_ref IN (", listing!($dialect, "$1"), ")"
        )
    };
}
macro_rules! issues {
    ($dialect:ident) => {
        concat!(
            "SELECT work_item_ref, system, external_id, project_ref, state, deleted_at, moved_to, ingested_at
             FROM work_items WHERE key IS NOT NULL AND kind = 'issue' AND lower(key) IN (", listing!($dialect, "$1"), ")"
        )
    };
}
macro_rules! jobs {
    ($dialect:ident) => {
        concat!(
            "SELECT lane, stage, status, last_error, available_at, finished_at FROM work_queue
             WHERE last_error IS NOT NULL AND status <> 'done' AND lane IN (", listing!($dialect, "$1"), ")
             UNION ALL SELECT lane, stage, status, last_error, available_at, finished_at FROM work_queue
             WHERE status = 'queued' AND stage = 'sync' AND last_error IS NULL AND lane IN (", listing!($dialect, "$1"), ")
             UNION ALL SELECT lane, stage, status, last_error, available_at, finished_at FROM work_queue
             WHERE status = 'claimed' AND stage = 'sync' AND last_error IS NULL AND lane IN (", listing!($dialect, "$1"), ")"
        )
    };
}
/// What was lately said of why these items are not carried over: words that begin with `$2`. A few
/// entries each are looked at, so that a long history costs no more than a short one.
macro_rules! left_out {
    ($dialect:ident) => {
        concat!(
            "WITH given(ref) AS (",
            listing!($dialect, "$1"),
            ")
             SELECT g.ref, (
                SELECT e.reason FROM (
                    SELECT t.id, t.reason FROM timeline t WHERE t.work_item_ref = g.ref ORDER BY t.id DESC LIMIT 8
                ) e WHERE substr(e.reason, 1, length($2)) = $2 ORDER BY e.id DESC LIMIT 1
             ) FROM given g"
        )
    };
}
macro_rules! before {
    ($dialect:ident) => {
        concat!(
            "SELECT card_ref, state_group, state_since FROM board_cards WHERE card_ref IN (",
            listing!($dialect, "$1"),
            ")"
        )
    };
}
macro_rules! projects {
    ($dialect:ident) => {
        concat!(
            "SELECT lower(repository), plane_project FROM repository_syncs
             WHERE plane_project IS NOT NULL AND lower(repository) IN (",
            listing!($dialect, "$1"),
            ")"
        )
    };
}
macro_rules! remove {
    ($dialect:ident) => {
        concat!("DELETE FROM board_cards WHERE card_ref IN (", listing!($dialect, "$1"), ")")
    };
}
macro_rules! forget_closings {
    ($dialect:ident) => {
        concat!(
            "DELETE FROM closing_links WHERE pull_request_ref IN (",
            listing!($dialect, "$1"),
            ") RETURNING issue_key"
        )
    };
}
macro_rules! take_dirty {
    ($dialect:ident) => {
        "DELETE FROM board_dirty WHERE work_item_ref IN (
            SELECT work_item_ref FROM board_dirty ORDER BY work_item_ref LIMIT $1) RETURNING work_item_ref"
    };
}

pub(super) const NEAR: Statement = both!(near);
pub(super) const TIES: Statement = both!(ties);
pub(super) const CLOSINGS: Statement = both!(closings);
pub(super) const ITEMS: Statement = both!(items);
pub(super) const ISSUES: Statement = both!(issues);
pub(super) const JOBS: Statement = both!(jobs);
pub(super) const LEFT_OUT: Statement = both!(left_out);
pub(super) const BEFORE: Statement = both!(before);
pub(super) const PROJECTS: Statement = both!(projects);
pub(super) const REMOVE: Statement = both!(remove);
pub(super) const FORGET_CLOSINGS: Statement = both!(forget_closings);
pub(super) const TAKE_DIRTY: Statement = both!(take_dirty);

pub(super) const PUT_CLOSINGS: Statement = statement!(
    "INSERT INTO closing_links (pull_request_ref, issue_key) SELECT r.pull, r.issue FROM ",
    rows(pull "text", issue "text"),
    " WHERE true ON CONFLICT DO NOTHING"
);
/// What closed the issues of these keys while they had others. Only a key that is another one now
/// is looked for.
pub(super) const MOVE_CLOSINGS: Statement = statement!(
    "INSERT INTO closing_links (pull_request_ref, issue_key)
     SELECT c.pull_request_ref, r.key FROM ",
    rows(item "text", key "text"),
    " JOIN work_items i ON i.work_item_ref = r.item AND lower(i.key) <> r.key
      JOIN closing_links c ON c.issue_key = lower(i.key)
     WHERE true ON CONFLICT DO NOTHING"
);
pub(super) const DROP_MOVED: Statement = statement!(
    "DELETE FROM closing_links WHERE issue_key IN (SELECT lower(i.key) FROM ",
    rows(item "text", key "text"),
    " JOIN work_items i ON i.work_item_ref = r.item AND lower(i.key) <> r.key)"
);
pub(super) const PUT: Statement = statement!(
    "INSERT INTO board_cards (card_ref, lead_ref, github_ref, plane_ref, kind, home, repository, state_group, status,
        assignee, health, updated_at, state_since, assignees, labels, words, card)
     SELECT r.card_ref, r.lead_ref, r.github_ref, r.plane_ref, r.kind, r.home, r.repository, r.state_group, r.status,
        r.assignee, r.health, r.updated_at, r.state_since, r.assignees, r.labels, r.words, r.card
     FROM ",
    rows(card_ref "text", lead_ref "text", github_ref "text", plane_ref "text", kind "text", home "text",
        repository "text", state_group "text", status "text", assignee "text", health "text",
        updated_at "timestamptz", state_since "timestamptz", assignees "text", labels "text", words "text", card "json"),
    " WHERE true
     ON CONFLICT (card_ref) DO UPDATE SET lead_ref = excluded.lead_ref, github_ref = excluded.github_ref,
        plane_ref = excluded.plane_ref, kind = excluded.kind, home = excluded.home, repository = excluded.repository,
        state_group = excluded.state_group, status = excluded.status, assignee = excluded.assignee,
        health = excluded.health, updated_at = excluded.updated_at, state_since = excluded.state_since,
        assignees = excluded.assignees, labels = excluded.labels, words = excluded.words, card = excluded.card"
);
/// A choice that is there already is not written.
pub(super) const PUT_CHOICES: Statement = statement!(
    "INSERT INTO board_choices (kind, value, name) SELECT r.kind, r.value, r.name FROM ",
    rows(kind "text", value "text", name "text"),
    " WHERE true ON CONFLICT (kind, value) DO UPDATE SET name = excluded.name
      WHERE excluded.name IS NOT NULL AND board_choices.name IS DISTINCT FROM excluded.name"
);
