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
mod spans;
mod welcome;
mod work_item;

use askama::Template;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

pub use assets::assets;

use super::state::WebState;
use crate::sources::Source;
use crate::store::{StoreError, StoreResult};
use crate::work_items::{StateGroup, System};

/// Nothing but our own files; no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All pages that need a signed-in person.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/boards") }))
        .route("/boards", get(boards::show))
        .route("/work-items/{item}", get(work_item::show))
        .route("/work-items/{item}/timeline", get(work_item::show_timeline))
        .route("/deliveries", get(deliveries::show))
        .route("/deliveries/{source}/{id}", get(delivery::show))
        .route("/deliveries/{source}/{id}/replay", post(delivery::replay))
        .layer(map_response(guarded))
}

/// What every page of ours is told to the browser with; a handler may be stricter.
async fn guarded(mut response: Response) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let present = response.headers_mut();
    for (name, value) in headers {
        let name: HeaderName = name;
        present.entry(name).or_insert(value);
    }
    response
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such thing; says which.
    #[error("{0}")]
    NotFound(String),
    /// The address asks for something that can't be; says what.
    #[error("{0}")]
    BadQuery(String),
    /// A template.
    #[error("the page could not be made: {0}")]
    Render(#[from] askama::Error),
}

impl PageError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Store(error) if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Render(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::BadQuery(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Store(error) if error.is_transient() => "The database does not answer",
            Self::Store(_) | Self::Render(_) => "This page could not be made",
            Self::NotFound(_) => "Not found",
            Self::BadQuery(_) => "This address can’t be read",
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    status: u16,
    title: &'a str,
    text: &'a str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let text = match &self {
            Self::Store(error) => {
                tracing::warn!(error = %error, "a page could not be shown: {error}");
                "Try again in a moment; the log says what the database answered.".to_owned()
            }
            other => other.to_string(),
        };
        let status = self.status();
        let page = ProblemPage {
            frame: Frame { section: Section::None, failed: 0 },
            status: status.as_u16(),
            title: self.title(),
            text: &text,
        };
        let html = page.render().unwrap_or_else(|_| self.title().to_owned());
        (status, Html(html)).into_response()
    }
}

/// Which part of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Boards,
    Deliveries,
    None,
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
            (Section::Boards, "boards") | (Section::Deliveries, "deliveries")
        )
    }

    /// An asset's address, good for ever.
    fn asset(file: &str) -> String {
        assets::address(file)
    }
}

fn render(page: &impl Template) -> Result<Html<String>, PageError> {
    Ok(Html(page.render()?))
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
        }
    }
}

/// The icon of a state group: shape and class.
fn group_icon(group: Option<StateGroup>) -> &'static str {
    group.map_or("nostate", StateGroup::as_str)
}
