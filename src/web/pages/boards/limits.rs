//! How many cards a column may hold.

use axum::body::Body;
use axum::extract::State;
use axum::response::Redirect;

use super::super::{Problem, WebState};
use super::back_to;
use super::saved::field;
use crate::board::COUNTED;
use crate::web::api::body::read_body;
use crate::web::error::ProblemKind;

/// Fields of one form, at most.
const MOST: usize = 50;
/// Characters of a column's or a project's name, at most.
const LONGEST: usize = 300;

/// `POST /boards/limits`: sets the limits of the columns that the form names; an empty one is none.
pub(in crate::web::pages) async fn set(
    State(web): State<WebState>,
    body: Body,
) -> Result<Redirect, Problem> {
    let form = read_body(body).await?;
    let scope = field(&form, "scope");
    let mut limits = Vec::new();
    for (name, value) in form_urlencoded::parse(&form) {
        let Some(column) = name.strip_prefix("limit.") else { continue };
        let is_name = |text: &str| text.chars().count() <= LONGEST && !text.contains('\0');
        if !is_name(column) || !is_name(&scope) || limits.len() == MOST {
            return Err(Problem::new(ProblemKind::BadRequest, "There is no such column."));
        }
        limits.push((column.to_owned(), limit_of(value.trim())?));
    }
    for (column, most) in limits {
        web.store.set_board_limit(&scope, &column, most).await?;
    }
    Ok(Redirect::to(&back_to(&field(&form, "back"), None)))
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
