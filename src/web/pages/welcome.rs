//! The first start: what to paste where, until the first item is there.

use askama::Template;
use axum::response::Html;

use super::{Caller, Frame, Problem, Section, WebState, render};
use crate::sources::{Source, github};
use crate::store::StoreResult;
use crate::store::deliveries::DeliveryFilter;
use crate::store::work_items::WorkItemFilter;
use crate::web::state::SecretState;
use crate::work_items::DELETED;

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    frame: Frame,
    public_url: &'a str,
    github_endpoint: String,
    database: &'a str,
    plane: Step,
    github: Step,
    /// How many repositories are configured.
    repositories: usize,
}

/// How far one side is connected.
struct Step {
    /// Whether its webhooks can be verified.
    secret_is_set: bool,
    /// Whether a delivery of it was stored.
    arrived: bool,
}

/// Whether no item was ever stored: when all were deleted, the board is merely empty.
pub(super) async fn nothing_is_stored(web: &WebState) -> StoreResult<bool> {
    let deleted = WorkItemFilter { status: Some(DELETED.to_owned()), ..WorkItemFilter::default() };
    Ok(web.store.work_items(&deleted, None, 1).await?.is_empty())
}

pub(super) async fn show(web: &WebState, caller: Caller) -> Result<Html<String>, Problem> {
    render(&WelcomePage {
        frame: Frame::read(web, Section::Boards, caller).await?,
        public_url: &web.public_url,
        github_endpoint: format!("{}{}", web.public_url, github::ENDPOINT),
        database: match web.store.database_name() {
            "postgres" => "PostgreSQL",
            _ => "SQLite",
        },
        plane: step(web, Source::Plane, web.plane_secret).await?,
        github: step(web, Source::Github, web.setup.github_secret).await?,
        repositories: web.store.repositories().await?.len(),
    })
}

async fn step(web: &WebState, source: Source, secret: SecretState) -> StoreResult<Step> {
    let of = DeliveryFilter { source: Some(source), ..DeliveryFilter::default() };
    let arrived = !web.store.deliveries(&of, None, 1).await?.is_empty();
    Ok(Step { secret_is_set: secret == SecretState::Set, arrived })
}
