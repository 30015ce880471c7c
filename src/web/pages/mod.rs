//! The web pages: one file a page, each with its template. A handler reads the store, makes a
//! view, renders it.
//!
//! Everything works without script and under a policy that allows no inline script or style.
//! What other people wrote is only ever escaped text; askama escapes all of it, and an address
//! from outside becomes a link only where it is http(s).
//!
//! Deliberately absent: who may see a page. `routes` expects to stand behind the sign-in.

mod assets;
mod boards;
mod deliveries;
mod delivery;
mod json_text;
mod query;
mod repositories;
mod spans;
mod welcome;
mod work_item;

use askama::Template;
use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};

pub use assets::assets;

use super::error::{Problem, ProblemKind};
use super::state::WebState;
use crate::sources::Source;
use crate::store::StoreResult;
use crate::work_items::{StateGroup, System};

/// All pages that need a signed-in person.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/boards") }))
        .route("/boards", get(boards::show))
        .route("/work-items/{item}", get(work_item::show))
        .route("/work-items/{item}/timeline", get(work_item::show_timeline))
        .route("/deliveries", get(deliveries::show))
        .route("/deliveries/replay", get(deliveries::replay::preview).post(deliveries::replay::run))
        .route("/deliveries/{source}/{id}", get(delivery::show))
        .route("/deliveries/{source}/{id}/replay", post(delivery::replay))
        .route("/repositories", get(repositories::show).post(repositories::add))
        .route(
            "/repositories/{owner}/{name}",
            get(repositories::show_one).post(repositories::change),
        )
        .route(
            "/repositories/{owner}/{name}/remove",
            get(repositories::ask_to_remove).post(repositories::remove),
        )
}

/// Which part of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Boards,
    Deliveries,
    Repositories,
}

/// What stands around every page.
struct Frame {
    section: Section,
    /// Deliveries that failed for good.
    failed: i64,
}

impl Frame {
    async fn read(web: &WebState, section: Section) -> StoreResult<Self> {
        let queue = web.store.queue_stats(web.clock.now()).await?;
        Ok(Self { section, failed: queue.dead })
    }

    fn current(&self, section: &str) -> bool {
        matches!(
            (self.section, section),
            (Section::Boards, "boards")
                | (Section::Deliveries, "deliveries")
                | (Section::Repositories, "repositories")
        )
    }

    /// An asset's address, good for ever.
    fn asset(file: &str) -> String {
        assets::address(file)
    }
}

fn render(page: &impl Template) -> Result<Html<String>, Problem> {
    page.render().map(Html).map_err(|failed| {
        tracing::error!(error = %failed, "a page could not be made from its template");
        Problem::internal()
    })
}

/// A system as people see it: the two letters of its mark, its name, the class.
#[derive(Debug, Clone, Copy)]
struct Mark {
    letters: &'static str,
    name: &'static str,
    class: &'static str,
}

impl From<System> for Mark {
    fn from(system: System) -> Self {
        match system {
            System::Plane => Self { letters: "PL", name: "Plane", class: "mark-pl" },
            System::Github => Self { letters: "GH", name: "GitHub", class: "mark-gh" },
        }
    }
}

impl From<Source> for Mark {
    fn from(source: Source) -> Self {
        match source {
            Source::Plane => System::Plane.into(),
            Source::Github => System::Github.into(),
        }
    }
}

/// The icon of a state group: shape and class.
fn group_icon(group: Option<StateGroup>) -> &'static str {
    group.map_or("nostate", StateGroup::as_str)
}
