//! Reading cards: parts of a column, counts, and what a filter can be set to.
//!
//! Counts stop at [`COUNTED`], so that a page costs the same however many cards there are.

use std::collections::HashMap;

use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};

use super::query::{Dialect, Query, Value};
use crate::board::{COUNTED, Card, Count, HealthState, SEPARATOR};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::store::rows::{Statement, to_json};
use crate::store::time::At;
use crate::store::{Database, Store, StoreResult, on_reader};
use crate::work_items::{StateGroup, UnknownWord};

/// Which cards; `None` is any, an empty list too. A card matches if either of its sides does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardFilter {
    /// Which sides they have.
    pub system: Option<CardSystem>,
    /// Ids of Plane's projects, with the repositories that are kept in step with them, or
    /// `owner/name`; any of them.
    pub projects: Vec<String>,
    /// The group of the state; `Some(None)` is those without one.
    pub group: Option<Option<StateGroup>>,
    /// The exact name of the state.
    pub status: Option<String>,
    /// The exact name of one of the assignees; `Some(None)` is those without one.
    pub assignee: Option<Option<String>>,
    /// The exact name of one of the labels.
    pub label: Option<String>,
    /// Part of a title or key, whatever the case.
    pub q: Option<String>,
    /// How they stand.
    pub health: Option<CardHealth>,
    /// Open ones that were not changed since then.
    pub unchanged_since: Option<Timestamp>,
    /// Those of one lane.
    pub lane: Option<LaneFilter>,
}

/// Which sides a card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardSystem {
    /// GitHub's, with or without a twin.
    Github,
    /// Plane's, with or without a twin.
    Plane,
    /// Both.
    Twins,
    /// One alone.
    Single,
}

impl CardSystem {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Github, Self::Plane, Self::Twins, Self::Single];

    /// The word that stands in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Plane => "plane",
            Self::Twins => "twins",
            Self::Single => "single",
        }
    }
}

impl std::str::FromStr for CardSystem {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|system| system.as_str() == text);
        found.ok_or_else(|| UnknownWord::new(text, &["github", "plane", "twins", "single"]))
    }
}

/// How cards stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardHealth {
    /// Like this; those that are pending include those that wait to be tried again.
    Only(HealthState),
    /// In any way that waits for a person.
    NeedsAPerson,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneFilter {
    /// Of this project.
    Project(String),
    /// Of this first assignee, or of nobody.
    Assignee(Option<String>),
}

/// What lanes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// Projects.
    Project,
    /// First assignees.
    Assignee,
}

/// Where the next part of a column starts: after this card (newest change first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardCursor {
    /// Its time.
    pub updated_at: Timestamp,
    /// Its name, among those of the same time.
    pub card: WorkItemRef,
}

/// What filters can be set to; at most 500 of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardChoices {
    /// Projects with the name that their keys tell.
    pub projects: Vec<(String, Option<String>)>,
    /// Names of assignees.
    pub assignees: Vec<String>,
    /// Names of labels.
    pub labels: Vec<String>,
}

const CHOICES: &str = "
    SELECT * FROM (SELECT kind, value, name FROM board_choices WHERE kind = 'project' ORDER BY name, value LIMIT 500) AS p
    UNION ALL SELECT * FROM (SELECT kind, value, name FROM board_choices WHERE kind = 'assignee' ORDER BY value LIMIT 500) AS a
    UNION ALL SELECT * FROM (SELECT kind, value, name FROM board_choices WHERE kind = 'label' ORDER BY value LIMIT 500) AS l";
const OF_ITEMS: Statement = Statement {
    postgres: "
        SELECT card, github_ref, plane_ref FROM board_cards WHERE card_ref IN (SELECT json_array_elements_text($1::json))
        UNION ALL SELECT card, github_ref, plane_ref FROM board_cards
        WHERE plane_ref IS NOT NULL AND plane_ref IN (SELECT json_array_elements_text($1::json)) AND card_ref <> plane_ref",
    sqlite: "
        SELECT card, github_ref, plane_ref FROM board_cards WHERE card_ref IN (SELECT value FROM json_each($1))
        UNION ALL SELECT card, github_ref, plane_ref FROM board_cards
        WHERE plane_ref IS NOT NULL AND plane_ref IN (SELECT value FROM json_each($1)) AND card_ref <> plane_ref",
};

/// Choices and lanes of one kind, at most.
const MOST_CHOICES: i64 = 500;
/// Counts of one statement: far fewer than a row may have columns in either database.
const MOST_COLUMNS: usize = 200;
/// Values after which a statement takes no further filter: half of what SQLite takes at most.
const MANY_VALUES: usize = 16_000;

/// Binds what a query holds.
macro_rules! bound {
    ($start:path, $query:expr) => {{
        let Query { sql, values, .. } = $query;
        let mut query = $start(AssertSqlSafe(sql));
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::Time(time) => query.bind(At(time)),
            };
        }
        query
    }};
}

impl Store {
    fn dialect(&self) -> Dialect {
        match self.database {
            Database::Postgres(_) => Dialect::Postgres,
            Database::Sqlite { .. } => Dialect::Sqlite,
        }
    }

    /// Newest change first.
    pub async fn cards(
        &self,
        filter: &CardFilter,
        after: Option<&CardCursor>,
        limit: i64,
    ) -> StoreResult<Vec<Card>> {
        let mut query = Query::new(self.dialect());
        query.push("SELECT card FROM board_cards").matching(filter);
        if let Some(after) = after {
            query.push(" AND updated_at <= ").bind(Value::Time(after.updated_at));
            query.push(" AND (updated_at < ").bind(Value::Time(after.updated_at));
            query.push(" OR card_ref > ").text(after.card.as_str()).push(")");
        }
        query.push(" ORDER BY updated_at DESC, card_ref LIMIT ").bind(Value::Number(limit));
        let rows: Vec<Json<Card>> = on_reader!(self, pool =>
            bound!(sqlx::query_scalar, query).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|Json(card)| card).collect())
    }

    /// How many cards match each of these filters, in their order; one more than [`COUNTED`] is
    /// the most that is counted.
    pub async fn count_cards(&self, filters: &[CardFilter]) -> StoreResult<Vec<Count>> {
        let mut counts = Vec::with_capacity(filters.len());
        while let Some(rest) = filters.get(counts.len()..).filter(|rest| !rest.is_empty()) {
            let (mut query, mut columns) = (Query::new(self.dialect()), 0);
            for filter in rest {
                query.push(if columns == 0 { "SELECT " } else { ", " });
                query.push("(SELECT count(*) FROM (SELECT 1 FROM board_cards").matching(filter);
                query.push(" LIMIT ").bind(Value::Number(COUNTED + 1)).push(") AS counted)");
                columns += 1;
                if columns == MOST_COLUMNS || query.values.len() >= MANY_VALUES {
                    break;
                }
            }
            let part: Vec<i64> = on_reader!(self, pool => {
                let row = bound!(sqlx::query, query).fetch_one(pool).await?;
                (0..columns).map(|i| row.try_get(i)).collect::<Result<_, _>>()?
            });
            counts.extend(part.into_iter().map(Count));
        }
        Ok(counts)
    }

    /// The lanes in which a card that matches stands, at most 500: nobody's first, then in the
    /// order of their names.
    ///
    /// It steps from name to name along an index and stops at the first card of each that matches,
    /// so that it costs what there are lanes, not what there are cards.
    pub async fn lanes_in_use(
        &self,
        kind: LaneKind,
        filter: &CardFilter,
    ) -> StoreResult<Vec<LaneFilter>> {
        let column = match kind {
            LaneKind::Project => "home",
            LaneKind::Assignee => "assignee",
        };
        let mut query = Query::new(self.dialect());
        let next = format!("SELECT min({column}) FROM board_cards");
        query.push("WITH RECURSIVE lanes (lane) AS (").push(&next);
        query.push(" UNION ALL SELECT (").push(&next);
        query.push(&format!(" WHERE {column} > lanes.lane) FROM lanes WHERE lane IS NOT NULL)"));
        query.push(" SELECT lane FROM lanes WHERE lane IS NOT NULL AND (SELECT 1 FROM board_cards");
        query.matching(filter);
        query.push(&format!(" AND {column} = lane LIMIT 1) = 1 LIMIT "));
        query.bind(Value::Number(MOST_CHOICES));
        let names: Vec<String> =
            on_reader!(self, pool => bound!(sqlx::query_scalar, query).fetch_all(pool).await?);
        let lanes = names.into_iter().map(|name| match kind {
            LaneKind::Project => LaneFilter::Project(name),
            LaneKind::Assignee => LaneFilter::Assignee(Some(name)),
        });
        let nobody = LaneFilter::Assignee(None);
        let of_nobody = CardFilter { lane: Some(nobody.clone()), ..filter.clone() };
        let is_used =
            kind == LaneKind::Assignee && !self.cards(&of_nobody, None, 1).await?.is_empty();
        Ok(is_used.then_some(nobody).into_iter().chain(lanes).collect())
    }

    /// What the board's filters can be set to.
    pub async fn card_choices(&self) -> StoreResult<CardChoices> {
        let rows: Vec<(String, String, Option<String>)> =
            on_reader!(self, pool => sqlx::query_as(CHOICES).fetch_all(pool).await?);
        let mut choices = CardChoices::default();
        for (kind, value, name) in rows {
            match kind.as_str() {
                "project" => choices.projects.push((value, name)),
                "assignee" => choices.assignees.push(value),
                _ => choices.labels.push(value),
            }
        }
        Ok(choices)
    }

    /// The states of a project that its cards were in, by group and name.
    pub async fn states_in_use(
        &self,
        home: &str,
    ) -> StoreResult<Vec<(Option<StateGroup>, String)>> {
        // The beginning is compared as a text: a range would be one of bytes, and a database may
        // sort its texts as a language does.
        const OF: &str = "SELECT value FROM board_choices
            WHERE kind = 'state' AND substr(value, 1, CAST($2 AS integer)) = $1";
        let from = format!("{home}{SEPARATOR}");
        let length = i64::try_from(from.chars().count()).unwrap_or(i64::MAX);
        let rows: Vec<String> = on_reader!(self, pool =>
            sqlx::query_scalar(OF).bind(&from).bind(length).fetch_all(pool).await?);
        let state = |row: &String| {
            let (group, name) = row.strip_prefix(&from)?.split_once(SEPARATOR)?;
            Some((group.parse().ok(), name.to_owned()))
        };
        Ok(rows.iter().filter_map(state).collect())
    }

    /// The cards that show these items, by item. A pull request on an issue's card has none.
    pub async fn cards_of(
        &self,
        items: &[&WorkItemRef],
    ) -> StoreResult<HashMap<WorkItemRef, Card>> {
        let items = to_json(items)?;
        let rows: Vec<(Json<Card>, Option<String>, Option<String>)> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(OF_ITEMS.postgres).bind(items).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(OF_ITEMS.sqlite).bind(items).fetch_all(reader).await?
            }
        };
        let mut cards = HashMap::new();
        for (Json(card), github, plane) in rows {
            for item in [github, plane].into_iter().flatten() {
                cards.insert(WorkItemRef::new(item), card.clone());
            }
        }
        Ok(cards)
    }
}
