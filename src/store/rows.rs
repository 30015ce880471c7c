//! Many rows in one statement, on both databases: they travel as one JSON text, and the
//! statement reads them as a table `r`. This is the fork that batches share, so that the
//! statements themselves stay one text.

use serde::Serialize;

use super::{StoreError, StoreResult};

/// One statement in both dialects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement {
    pub(super) postgres: &'static str,
    pub(super) sqlite: &'static str,
}

/// `statement!("before ", rows(id "bigint", status "text"), " after")`: the rows come from `$1`.
macro_rules! statement {
    ($before:literal, rows($first:ident $first_type:literal $(, $column:ident $type:literal)* $(,)?), $after:literal) => {
        $crate::store::rows::Statement {
            postgres: concat!(
                $before,
                "json_to_recordset($1::json) AS r(",
                stringify!($first), " ", $first_type,
                $(", ", stringify!($column), " ", $type,)*
                ")",
                $after
            ),
            sqlite: concat!(
                $before,
                "(SELECT value ->> '", stringify!($first), "' AS ", stringify!($first),
                $(", value ->> '", stringify!($column), "' AS ", stringify!($column),)*
                " FROM json_each($1)) AS r",
                $after
            ),
        }
    };
}
pub(super) use statement;

/// The rows as the JSON text that a [`Statement`] takes for `$1`.
pub(super) fn to_json<T: Serialize>(rows: &[T]) -> StoreResult<String> {
    serde_json::to_string(rows)
        .map_err(|e| StoreError::Unreadable { what: "row", why: e.to_string() })
}
