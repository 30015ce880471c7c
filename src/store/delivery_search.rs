//! A filter over deliveries as SQL. The view `deliveries` would serve, but not fast: a condition
//! that may or may not be asked for keeps the database from its indexes. So each half of the view
//! is asked by itself, with only the conditions that are given, and both halves are put together
//! by their newest rows.
//!
//! Each condition has an index behind it: what failed and what has an item by partial ones, what
//! waits by the queue, the rest by its own column and the time.

use sqlx::AssertSqlSafe;

use super::deliveries::{DeliveryCursor, DeliveryFilter, DeliveryStatus};
use crate::clock::Timestamp;
use crate::sources::Source;
use crate::work_items::System;

/// What a placeholder stands for.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Time(Timestamp),
    Number(i64),
}

/// A statement that grows, and the values of its placeholders.
#[derive(Debug, Default)]
pub(super) struct Search {
    values: Vec<Value>,
}

/// Runs a statement of a [`Search`] on a pool; `$query` is `query_as` or `query_scalar`.
macro_rules! run_search {
    ($query:ident, $search:expr, $text:expr, $pool:ident) => {{
        let mut query = sqlx::$query($crate::store::delivery_search::safe($text));
        for value in $search.values() {
            query = match value {
                $crate::store::delivery_search::Value::Text(text) => query.bind(text),
                $crate::store::delivery_search::Value::Time(time) => {
                    query.bind($crate::store::time::At(time))
                }
                $crate::store::delivery_search::Value::Number(number) => query.bind(number),
            };
        }
        query.fetch_all($pool).await?
    }};
}
pub(super) use run_search;

/// No value is ever part of a statement's text: [`Search::bind`] gives it a placeholder.
pub(super) fn safe(text: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(text)
}

/// A half of the view `deliveries`: the table of one source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    pub(super) source: Source,
    pub(super) table: &'static str,
    /// The column of the time of arrival.
    pub(super) received: &'static str,
    /// The column of the last error.
    error: &'static str,
    /// All that a listing shows.
    pub(super) columns: &'static str,
    /// The status in the words of all sources.
    pub(super) status: &'static str,
    /// The row of the configured repository, where there can be one.
    pub(super) repository: &'static str,
    processed: &'static str,
}

const PLANE: Half = Half {
    source: Source::Plane,
    table: "plane_webhook_deliveries",
    received: "received_at",
    error: "last_error",
    columns: "'plane' AS source, d.delivery_id, d.event_type, d.status, d.attempts, d.last_error, d.result,
        d.work_item_ref, d.encoding, d.body_bytes, d.body_sha256, d.received_at, d.processed_at,
        CAST(NULL AS text) AS action, CAST(NULL AS text) AS repository, d.origin",
    status: "d.status",
    repository: "CAST(NULL AS bigint)",
    processed: "d.status = 'processed'",
};

const GITHUB: Half = Half {
    source: Source::Github,
    table: "github_webhook_events",
    received: "created_at",
    error: "error_message",
    columns: "'github' AS source, d.delivery_id, d.event_type,
        CASE d.status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END AS status,
        d.attempts, d.error_message AS last_error, d.result, d.work_item_ref, d.encoding, d.body_bytes,
        d.body_sha256, d.created_at AS received_at, d.processed_at, d.action,
        (SELECT r.repository FROM repository_syncs r WHERE r.id = d.repository_sync) AS repository, d.origin",
    status: "CASE d.status WHEN 'completed' THEN 'processed' WHEN 'failed' THEN 'failed' ELSE 'received' END",
    repository: "d.repository_sync",
    processed: "d.status = 'completed'",
};

impl Search {
    /// The placeholder of a value.
    pub(super) fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub(super) fn text(&mut self, text: impl Into<String>) -> String {
        self.bind(Value::Text(text.into()))
    }

    pub(super) fn number(&mut self, number: i64) -> String {
        self.bind(Value::Number(number))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Value> {
        self.values.iter().cloned()
    }

    /// The halves that can hold what the filter asks for, each with its conditions.
    pub(super) fn halves(
        &mut self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
    ) -> Vec<(Half, String)> {
        let any_chosen =
            |source| filter.chosen.is_empty() || filter.chosen.iter().any(|(s, _)| *s == source);
        [PLANE, GITHUB]
            .into_iter()
            .filter(|half| filter.source.is_none_or(|source| source == half.source))
            .filter(|half| any_chosen(half.source))
            // Nothing that Plane sends comes from a repository.
            .filter(|half| filter.repository.is_none() || half.source == Source::Github)
            .map(|half| {
                let conditions = self.conditions(half, filter, after);
                let all = if conditions.is_empty() {
                    "true".to_owned()
                } else {
                    conditions.join(" AND ")
                };
                (half, all)
            })
            .collect()
    }

    fn conditions(
        &mut self,
        half: Half,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
    ) -> Vec<String> {
        let received = half.received;
        let mut all = Vec::new();
        if let Some(status) = filter.status {
            all.push(has_status(half, status));
        }
        if let Some(event) = &filter.event {
            all.push(format!("d.event_type = {}", self.text(event)));
        }
        if let Some(origin) = filter.origin {
            all.push(format!("d.origin = '{origin}'"));
        }
        if let Some(item) = &filter.item {
            all.push(format!("d.work_item_ref = {}", self.text(item.as_str())));
        }
        if let Some(repository) = &filter.repository {
            let name = self.text(repository);
            all.push(format!(
                "d.repository_sync = (SELECT r.id FROM repository_syncs r WHERE lower(r.repository) = lower({name}))"
            ));
        }
        if let Some(text) = &filter.text {
            all.push(self.says(half, text));
        }
        let chosen = filter.chosen.iter().filter(|(source, _)| *source == half.source);
        let chosen: Vec<_> = chosen.map(|(_, id)| self.text(id.as_str())).collect();
        if !chosen.is_empty() {
            all.push(format!("d.delivery_id IN ({})", chosen.join(", ")));
        }
        if let Some(since) = filter.since {
            all.push(format!("d.{received} >= {}", self.bind(Value::Time(since))));
        }
        if let Some(until) = filter.until {
            all.push(format!("d.{received} < {}", self.bind(Value::Time(until))));
        }
        if let Some(after) = after {
            let time = self.bind(Value::Time(after.received_at));
            let id = self.text(after.delivery_id.as_str());
            all.push(format!(
                "d.{received} <= {time} AND (d.{received} < {time} OR d.delivery_id > {id})"
            ));
        }
        all
    }

    /// The beginning of its id, the reference or the key of its item, or words of its error.
    /// Errors are looked for where there are any: in what failed and in what waits.
    fn says(&mut self, half: Half, text: &str) -> String {
        let Half { table, error, source, .. } = half;
        let begins = self.text(text);
        // In every collation a longer id with the same beginning stands before this.
        let ends = self.text(format!("{text}zzzz"));
        let length = self.number(i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
        let words = self.text(format!("%{}%", escaped(&text.to_lowercase())));
        let refs: Vec<String> = System::ALL
            .iter()
            .map(|system| self.text(format!("{}:{text}", system.as_str())))
            .collect();
        let (refs, open) = (refs.join(", "), open_jobs(source));
        format!(
            "d.delivery_id IN (
                SELECT x.delivery_id FROM {table} x WHERE x.delivery_id >= {begins} AND x.delivery_id <= {ends}
                    AND substr(x.delivery_id, 1, CAST({length} AS integer)) = {begins}
                UNION SELECT x.delivery_id FROM {table} x WHERE x.work_item_ref IN ({begins}, {refs})
                UNION SELECT x.delivery_id FROM {table} x WHERE x.work_item_ref IN (
                    SELECT i.work_item_ref FROM work_items i WHERE lower(i.key) = lower({begins}))
                UNION SELECT x.delivery_id FROM {table} x WHERE x.status = 'failed'
                    AND lower(x.{error}) LIKE {words} ESCAPE '\\'
                UNION SELECT x.delivery_id FROM {table} x WHERE x.delivery_id IN ({open})
                    AND lower(x.{error}) LIKE {words} ESCAPE '\\')"
        )
    }
}

/// A word, not a value, so that the planner knows which partial index serves.
fn has_status(half: Half, status: DeliveryStatus) -> String {
    match status {
        DeliveryStatus::Failed => "d.status = 'failed'".to_owned(),
        DeliveryStatus::Processed => half.processed.to_owned(),
        DeliveryStatus::Received => format!("d.delivery_id IN ({})", open_jobs(half.source)),
    }
}

/// The deliveries of a source that are not worked off: what the queue's own indexes hold.
fn open_jobs(source: Source) -> String {
    let part = |which: &str| {
        format!("SELECT q.delivery_id FROM work_queue q WHERE q.source = '{source}' AND {which}")
    };
    [
        part("q.status = 'queued' AND q.stage = 'read'"),
        part("q.status = 'queued' AND q.stage = 'sync'"),
        part("q.status = 'claimed'"),
    ]
    .join(" UNION ALL ")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(filter: &DeliveryFilter) -> Vec<String> {
        Search::default().halves(filter, None).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn only_what_is_asked_for_is_a_condition() {
        assert_eq!(conditions(&DeliveryFilter::default()), ["true", "true"]);
        let failed =
            DeliveryFilter { status: Some(DeliveryStatus::Failed), ..DeliveryFilter::default() };
        assert_eq!(conditions(&failed), ["d.status = 'failed'", "d.status = 'failed'"]);
    }

    #[test]
    fn a_repository_has_githubs_half_alone() {
        let of = DeliveryFilter { repository: Some("o/n".to_owned()), ..DeliveryFilter::default() };
        assert_eq!(conditions(&of).len(), 1);
    }

    #[test]
    fn what_a_person_types_is_never_part_of_the_statement() {
        let evil = "x'; DROP TABLE work_queue; --";
        let filter = DeliveryFilter {
            event: Some(evil.to_owned()),
            text: Some(evil.to_owned()),
            repository: Some(evil.to_owned()),
            ..DeliveryFilter::default()
        };
        assert!(conditions(&filter).iter().all(|text| !text.contains("DROP")));
        assert_eq!(escaped("50%_\\"), "50\\%\\_\\\\");
    }
}
