//! How many cards a column may hold.
//!
//! The form sends every column with the limit that it found beside the one that is wanted, and only
//! those that differ are set: another one may have been changed by somebody else meanwhile.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Redirect;

use super::super::{Problem, WebState};
use super::back_to;
use super::saved::field;
use crate::board::COUNTED;
use crate::web::api::body::read_body;
use crate::web::auth::Target;
use crate::web::error::ProblemKind;

/// Limits of one form, at most.
const MOST: usize = 50;
/// Characters of a column's or a project's name, at most.
const LONGEST: usize = 300;

/// A column's name and its limit from now on.
type Change = (String, Option<i64>);

/// `POST /boards/limits`: sets the limits of the columns that the form changes; an empty one is none.
pub(in crate::web::pages) async fn set(
    State(web): State<WebState>,
    body: Body,
) -> Result<(Extension<Target>, Redirect), Problem> {
    let form = read_body(body).await?;
    let scope = field(&form, "scope");
    let changes = changes(&form, &scope)?;
    for (column, most) in &changes {
        web.store.set_board_limit(&scope, column, *most).await?;
    }
    let target = Target(in_words(&scope, &changes));
    Ok((Extension(target), Redirect::to(&back_to(&field(&form, "back"), None))))
}

fn changes(form: &[u8], scope: &str) -> Result<Vec<Change>, Problem> {
    let fields = || form_urlencoded::parse(form);
    let found: HashMap<_, _> = fields()
        .filter_map(|(name, value)| Some((name.strip_prefix("was.")?.to_owned(), value)))
        .collect();
    let mut limits = Vec::new();
    for (name, value) in fields() {
        let Some(column) = name.strip_prefix("limit.") else { continue };
        let is_name = |text: &str| text.chars().count() <= LONGEST && !text.contains('\0');
        if !is_name(column) || !is_name(scope) || limits.len() == MOST {
            return Err(Problem::new(ProblemKind::BadRequest, "There is no such column."));
        }
        let most = limit_of(value.trim())?;
        let is_as_found = found.get(column).is_some_and(|found| found.trim() == value.trim());
        limits.push((column.to_owned(), most, is_as_found));
    }
    let changed = limits.into_iter().filter(|(.., is_as_found)| !is_as_found);
    Ok(changed.map(|(column, most, _)| (column, most)).collect())
}

/// Beyond what is counted a limit would mean nothing.
fn limit_of(text: &str) -> Result<Option<i64>, Problem> {
    match text.parse::<i64>() {
        _ if text.is_empty() => Ok(None),
        Ok(limit) if (0..=COUNTED).contains(&limit) => Ok(Some(limit)),
        _ => {
            let detail =
                format!("A limit is a whole number from 0 to {COUNTED}, or empty for none.");
            Err(Problem::new(ProblemKind::BadRequest, detail))
        }
    }
}

/// `unstarted 2, started none`, for the audit log.
fn in_words(scope: &str, changes: &[Change]) -> String {
    let word = |(column, most): &Change| match most {
        Some(most) => format!("{column} {most}"),
        None => format!("{column} none"),
    };
    let words = changes.iter().map(word).collect::<Vec<_>>().join(", ");
    match (words.is_empty(), scope) {
        (true, _) => "nothing".to_owned(),
        (false, "") => words,
        (false, project) => format!("of {project}: {words}"),
    }
}
