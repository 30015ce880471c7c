//! Views of the board by name: those that are always there, and those that people saved.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Redirect;

use super::super::query::Params;
use super::super::{Problem, WebState};
use super::asked::{Asked, LONG, NEEDS_A_PERSON, VIEW};
use super::back_to;
use crate::access::Outcome;
use crate::clock::Timestamp;
use crate::store::board_views::{BoardView, Saved};
use crate::store::cards::read::CardFilter;
use crate::web::api::body::read_body;
use crate::web::auth::Target;
use crate::web::error::ProblemKind;

/// Characters of a name.
const LONGEST_NAME: usize = 60;
/// Bytes of what is saved.
const LONGEST_QUERY: usize = 2_000;

/// One entry in the row of views.
pub(super) struct View {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) is_current: bool,
    /// Its number, where somebody saved it.
    pub(super) id: Option<i64>,
    pub(super) filter: CardFilter,
    /// Whether a count is bad news.
    pub(super) is_trouble: bool,
}

impl View {
    /// Those that are always there first.
    pub(super) fn all(saved: Vec<BoardView>, params: &Params, now: Timestamp) -> Vec<Self> {
        let person = format!("health={NEEDS_A_PERSON}");
        let stale = format!("unchanged={LONG}");
        let built_in = [("All items", ""), ("Needs a person", &person), ("Stale", &stale)];
        let built_in = built_in.map(|(name, query)| (None, name.to_owned(), query.to_owned()));
        let saved = saved.into_iter().map(|view| (Some(view.id), view.name, view.query));
        let here = params.canonical(&VIEW);
        built_in
            .into_iter()
            .chain(saved)
            .map(|(id, name, query)| {
                let asked = Params::read(Some(&query)).ok().and_then(|params| {
                    let asked = Asked::read(&params, now).ok()?;
                    Some(CardFilter { group: asked.group, status: asked.state, ..asked.filter })
                });
                Self {
                    is_current: query == here,
                    is_trouble: query == person,
                    address: back_to(&query, None),
                    // What can't be read any more narrows nothing, as its address shows.
                    filter: asked.unwrap_or_default(),
                    name,
                    id,
                }
            })
            .collect()
    }
}

/// What the audit log is told, and where the browser goes on: that is the same for a view that
/// was not written, since the board says why.
type Answer = (Extension<Target>, Extension<Outcome>, Redirect);

/// `POST /boards/views`: saves what is shown under a name.
pub(in crate::web::pages) async fn save(
    State(web): State<WebState>,
    body: Body,
) -> Result<Answer, Problem> {
    let form = read_body(body).await?;
    let (name, query) = (name_in(&form)?, field(&form, "back"));
    let query = Params::read(Some(&query))?.canonical(&VIEW);
    if query.len() > LONGEST_QUERY {
        return Err(Problem::new(
            ProblemKind::BadRequest,
            "The view narrows the board by too much: take some of it away.",
        ));
    }
    let saved = web.store.save_board_view(&name, &query, web.clock.now()).await?;
    Ok(answer(name, saved, &query))
}

/// `POST /boards/views/{id}/rename`.
pub(in crate::web::pages) async fn rename(
    State(web): State<WebState>,
    Path(id): Path<i64>,
    body: Body,
) -> Result<Answer, Problem> {
    let form = read_body(body).await?;
    let name = name_in(&form)?;
    let known = web.store.board_views().await?.into_iter().find(|view| view.id == id);
    let gone = || Problem::not_found("There is no such view any more.");
    let before = known.ok_or_else(gone)?.name;
    let renamed = web.store.rename_board_view(id, &name).await?;
    if renamed == Saved::No {
        return Err(gone());
    }
    Ok(answer(format!("{before} → {name}"), renamed, &field(&form, "back")))
}

/// `POST /boards/views/{id}/delete`: the name goes, what it showed is shown still.
pub(in crate::web::pages) async fn delete(
    State(web): State<WebState>,
    Path(id): Path<i64>,
) -> Result<Answer, Problem> {
    let Some(view) = web.store.delete_board_view(id).await? else {
        let target = Target(id.to_string());
        return Ok((
            Extension(target),
            Extension(Outcome::Failed),
            Redirect::to(&back_to("", None)),
        ));
    };
    Ok(answer(view.name, Saved::Yes, &view.query))
}

fn answer(target: String, saved: Saved, query: &str) -> Answer {
    let outcome = if saved == Saved::Yes { Outcome::Done } else { Outcome::Failed };
    let next = Redirect::to(&back_to(query, said(saved)));
    (Extension(Target(target)), Extension(outcome), next)
}

fn said(saved: Saved) -> Option<(&'static str, &'static str)> {
    match saved {
        Saved::Yes => None,
        Saved::NameTaken => Some(("said", "name-taken")),
        Saved::No => Some(("said", "no-room")),
    }
}

pub(super) fn field(form: &[u8], name: &str) -> String {
    let found = form_urlencoded::parse(form).find(|(field, _)| field == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn name_in(form: &[u8]) -> Result<String, Problem> {
    let name = field(form, "name").trim().to_owned();
    let is_long = name.chars().count() > LONGEST_NAME;
    if name.is_empty() || is_long || name.chars().any(char::is_control) {
        let detail = format!("Give the view a name of 1 to {LONGEST_NAME} characters.");
        return Err(Problem::new(ProblemKind::BadRequest, detail));
    }
    Ok(name)
}
