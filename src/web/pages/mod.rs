//! The web pages: one file a page, each with its template. A handler reads the store, makes a
//! view, renders it.
//!
//! Everything works without script and under a policy that allows no inline script or style.
//! What other people wrote is only ever escaped text; askama escapes all of it, and an address
//! from outside becomes a link only where it is http(s).
//!
//! Deliberately absent: who may see a page. The tables say the scope, the
//! [guard](super::auth::guard) looks at it; a page only hides what its caller may not press.

mod access;
mod assets;
mod audit;
mod boards;
mod deliveries;
mod delivery;
mod health;
mod json_text;
mod live;
mod people;
mod query;
mod repositories;
mod rules;
mod spans;
mod welcome;
mod work_item;

use askama::Template;
use axum::response::{Html, Redirect};

pub use assets::assets;

use super::error::{Problem, ProblemKind};
use super::reality::Reality;
use super::route_table::Routes;
use super::state::WebState;
use crate::access::{Caller, Scope};
use crate::board::{Face, PullState};
use crate::sources::Source;
use crate::store::StoreResult;
use crate::work_items::{Person, StateGroup, System};

/// The pages that a viewer sees.
pub fn viewer() -> Routes {
    Routes::needing(Scope::Viewer)
        .get("/", || async { Redirect::to("/boards") })
        .get("/boards", boards::show)
        .get("/work-items/{item}", work_item::show)
        .get("/work-items/{item}/timeline", work_item::show_timeline)
        .get("/live", live::events)
        .get("/deliveries", deliveries::show)
        .get("/health", health::show)
        .get("/repositories", repositories::show)
        .get("/repositories/{owner}/{name}", repositories::show_one)
        .get("/repositories/{owner}/{name}/mapping", repositories::mapping::show)
        .get("/people", people::show)
        .get("/rules", rules::show)
        .post("/rules", "try rules", rules::try_out)
        .get("/deliveries/{source}/{id}", delivery::show)
        .get("/access", access::show)
        .post("/access/sessions/end", "sign out everywhere", access::end_own)
}

/// The buttons that an operator presses.
pub fn operator() -> Routes {
    Routes::needing(Scope::Operator)
        .get("/deliveries/replay", deliveries::replay::preview)
        .post("/deliveries/replay", "replay all that match", deliveries::replay::run)
        .post("/deliveries/{source}/{id}/replay", "replay a delivery", delivery::replay)
        .post("/boards/views", "save a view of the board", boards::save_view)
        .post("/boards/views/{id}/rename", "rename a view of the board", boards::rename_view)
        .post("/boards/views/{id}/delete", "delete a view of the board", boards::delete_view)
}

/// The pages on which an admin configures.
pub fn admin() -> Routes {
    Routes::needing(Scope::Admin)
        .post("/access/tokens", "make a token", access::make)
        .post("/access/tokens/{id}/revoke", "revoke a token", access::revoke)
        .post("/access/sessions/{handle}/end", "end a session", access::end_one)
        .get("/audit", audit::show)
        .post("/repositories", "add a repository", repositories::add)
        .post("/repositories/{owner}/{name}", "change a repository", repositories::change)
        .get("/repositories/{owner}/{name}/remove", repositories::ask_to_remove)
        .post("/repositories/{owner}/{name}/remove", "remove a repository", repositories::remove)
        .post(
            "/repositories/{owner}/{name}/mapping/preview",
            "preview how a repository is kept in step",
            repositories::mapping::preview,
        )
        .post(
            "/repositories/{owner}/{name}/mapping",
            "change how a repository is kept in step",
            repositories::mapping::save,
        )
        .post("/people", "say who a person is in Plane", people::decide)
        .post("/people/forget", "forget who a person is in Plane", people::forget)
        .post("/boards/limits", "set the board's limits", boards::set_limits)
}

/// Which part of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Boards,
    Deliveries,
    Repositories,
    Rules,
    Health,
    /// Behind the caller's own menu.
    Access,
}

/// What stands around every page.
struct Frame {
    section: Section,
    /// Deliveries that failed for good.
    failed: i64,
    /// Alarms that are raised.
    alarms: i64,
    /// Who looks at it.
    caller: Caller,
    reality: Reality,
}

impl Frame {
    async fn read(web: &WebState, section: Section, caller: Caller) -> StoreResult<Self> {
        let queue = web.store.queue_stats(web.clock.now()).await?;
        let alarms = web.store.alarm_count().await?;
        Ok(Self { section, failed: queue.dead, alarms, caller, reality: web.reality })
    }

    /// Whether buttons that run something again are shown.
    fn may_operate(&self) -> bool {
        self.caller.scope >= Scope::Operator
    }

    /// Whether what only an admin may see or press is shown.
    fn may_configure(&self) -> bool {
        self.caller.scope >= Scope::Admin
    }

    /// The caller in a circle.
    fn face(&self) -> Face {
        let name = &self.caller.name;
        Face::from(&Person { id: name.clone(), name: Some(name.clone()) })
    }

    fn current(&self, section: &str) -> bool {
        matches!(
            (self.section, section),
            (Section::Boards, "boards")
                | (Section::Deliveries, "deliveries")
                | (Section::Repositories, "repositories")
                | (Section::Rules, "rules")
                | (Section::Health, "health")
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

/// The icon of a pull request.
fn pull_icon(state: PullState) -> &'static str {
    match state {
        PullState::Open => "pr",
        PullState::Draft => "draft",
        PullState::Review => "review",
        PullState::Changes => "changes",
        PullState::Approved => "approved",
        PullState::Merged => "merged",
        PullState::Closed => "closed",
    }
}
