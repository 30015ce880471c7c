//! The board: every card that matches, in columns and lanes.
//!
//! The page works as forms and links; script only fetches what the links lead to. Its parts are
//! known by ids that stay (`cards-LANE-COLUMN`, `card-NAME`), so that each can be fetched anew by
//! itself. Each column is read by itself, so that a long one hides no other, and in parts, so
//! that the page is no longer for fifty thousand cards than for five hundred.

mod asked;
mod limits;
mod names;
mod pickers;
mod reading;
mod saved;
mod view;

use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;

pub(super) use limits::set as set_limits;
pub(super) use saved::{delete as delete_view, rename as rename_view, save as save_view};

use super::query::Params;
use super::{Frame, Problem, Section, WebState, render, spans, welcome};
use asked::Asked;
use names::ProjectNames;
use saved::View;

use crate::access::Caller;
use crate::rules::named_projects;
use crate::web::shared_pages::PageKey;

/// `GET /boards`; made once for all who ask for the same at the same moment.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let key = PageKey {
        address: params.link("/boards", &[]),
        name: caller.name.clone(),
        scope: caller.scope,
    };
    let page = web.pages.get(key, make(&web, caller, params)).await?;
    Ok(Html(page).into_response())
}

async fn make(web: &WebState, caller: Caller, params: Params) -> Result<Bytes, Problem> {
    let now = web.clock.now();
    let asked = Asked::read(&params, now)?;
    let choices = web.store.card_choices().await?;
    let settings = web.store.repository_settings().await?;
    let by_rules = settings.into_iter().map(|(name, own)| (name, named_projects(&own.rules)));
    let by_rules: Vec<_> = by_rules.collect();
    let names = ProjectNames::new(&choices, &web.store.repositories().await?, &by_rules);
    let views = View::all(web.store.board_views().await?, &params, now);
    let filters: Vec<_> = views.iter().map(|view| view.filter.clone()).collect();
    let (read, counts) = reading::read(&web.store, &asked, &names, &filters).await?;
    let is_empty = read.total().0 == 0 && !params.any(&asked::FILTERS) && !params.any(&["lane"]);
    if is_empty && welcome::nothing_is_stored(web).await? {
        return Ok(welcome::show(web, caller).await?.0.into());
    }
    let page = view::BoardPage {
        frame: Frame::read(web, Section::Boards, caller).await?,
        views: views.into_iter().zip(counts).collect(),
        pickers: pickers::pickers(&params, &choices),
        projects: pickers::projects(&params, &names),
        q: params.text("q").unwrap_or_default(),
        scope: reading::scope(&asked),
        params,
        asked,
        names,
        read,
        now,
    };
    Ok(render(&page)?.0.into())
}

/// The board's address with a query that a form gave back; nothing else of it is kept.
fn back_to(query: &str, said: Option<(&str, &str)>) -> String {
    let params = Params::read(Some(query)).unwrap_or_default();
    let keep = params.canonical(&asked::VIEW);
    let kept = Params::read(Some(&keep)).unwrap_or_default();
    kept.link(
        "/boards",
        &said.map(|(name, word)| (name, Some(word))).into_iter().collect::<Vec<_>>(),
    )
}
