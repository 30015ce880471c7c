//! Who may come in: the tokens, the sessions, and what whoever looks may do.
//!
//! A new token's text stands in the answer to the form that made it and nowhere else: no address
//! and no second visit shows it.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::query::Params;
use super::spans::{exact, when};
use super::{Caller, Frame, Problem, Section, WebState, render};
use crate::access::{ApiTokenId, ApiTokenName, ApiTokenText, Lifetime, Scope};
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::api_tokens::{ApiToken, NewApiToken};
use crate::store::sessions::{Session, TokenKind};
use crate::web::api::body::read_body;
use crate::web::auth::{self, Target};

/// What the form offers: value and words.
const LIVES: [(&str, &str); 5] = [
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "a year"),
    ("never", "never, until it is revoked"),
];

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage {
    frame: Frame,
    made: Option<Made>,
    form: Form,
    tokens: Vec<TokenRow>,
    sessions: Vec<SessionRow>,
    message: Option<&'static str>,
}

impl AccessPage {
    const SCOPES: [Scope; 3] = Scope::ALL;
    const LIVES: [(&str, &str); 5] = LIVES;
}

/// A token that was made by this very request.
struct Made {
    name: String,
    scope: Scope,
    text: ApiTokenText,
}

/// What the form says, and what is wrong with it.
struct Form {
    name: String,
    scope: Scope,
    life: String,
    problem: Option<String>,
}

impl Default for Form {
    fn default() -> Self {
        let life = "90d".to_owned();
        Self { name: String::new(), scope: Scope::Viewer, life, problem: None }
    }
}

/// A moment: as it is shown, and exactly.
struct Moment {
    shown: String,
    exact: String,
}

impl Moment {
    fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { shown: when(at, now), exact: exact(at) }
    }
}

/// Icon, tone and word of what a token is good for.
struct Standing {
    icon: &'static str,
    tone: &'static str,
    word: &'static str,
}

struct TokenRow {
    id: i64,
    name: String,
    scope: Scope,
    state: Standing,
    ends: Option<Moment>,
    used: Option<Moment>,
    made: Moment,
    made_by: String,
    revocable: bool,
}

struct SessionRow {
    handle: String,
    name: String,
    scope: Scope,
    since: Moment,
    ends: Moment,
    address: String,
    own: bool,
}

/// `GET /access`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let params = Params::read(query.as_deref())?;
    let message = match params.text("done").as_deref() {
        Some("revoked") => Some("Revoked. Whoever holds the token is refused from now on."),
        Some("ended") => Some("Signed out there."),
        _ => None,
    };
    render(&page(&web, caller, &headers, Form::default(), None, message).await?)
}

async fn page(
    web: &WebState,
    caller: Caller,
    headers: &HeaderMap,
    form: Form,
    made: Option<Made>,
    message: Option<&'static str>,
) -> Result<AccessPage, Problem> {
    let now = web.clock.now();
    let whole = caller.scope == Scope::Admin;
    let tokens = if whole { web.store.api_tokens().await? } else { Vec::new() };
    let of = (!whole).then_some(caller.name.as_str());
    let sessions = web.store.sessions(of, now).await?;
    let own = auth::session_of(web, headers).await?.map(|session| session.sha256);
    Ok(AccessPage {
        frame: Frame::read(web, Section::Access, caller).await?,
        made,
        form,
        tokens: tokens.into_iter().map(|token| token_row(token, now)).collect(),
        sessions: sessions.into_iter().map(|s| session_row(s, own, now)).collect(),
        message,
    })
}

fn token_row(token: ApiToken, now: Timestamp) -> TokenRow {
    let state = if token.revoked_at.is_some() {
        Standing { icon: "dead", tone: "is-off", word: "revoked" }
    } else if token.is_good(now) {
        Standing { icon: "ok", tone: "is-good", word: "good" }
    } else {
        Standing { icon: "clock", tone: "is-warn", word: "expired" }
    };
    TokenRow {
        id: token.id.0,
        revocable: token.revoked_at.is_none(),
        name: token.name,
        scope: token.scope,
        state,
        ends: token.expires_at.map(|at| Moment::new(at, now)),
        used: token.last_used_at.map(|at| Moment::new(at, now)),
        made: Moment::new(token.created_at, now),
        made_by: token.created_by,
    }
}

fn session_row(session: Session, own: Option<[u8; 32]>, now: Timestamp) -> SessionRow {
    SessionRow {
        handle: session.handle(),
        own: own == Some(session.sha256),
        name: session.name,
        scope: session.scope,
        since: Moment::new(session.created_at, now),
        ends: Moment::new(session.expires_at, now),
        address: session.address,
    }
}

/// `POST /access/tokens`: makes a token and shows its text, once.
pub(super) async fn make(
    State(web): State<WebState>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_body(body).await?;
    let params = Params::read(std::str::from_utf8(&body).ok())?;
    let mut form = Form {
        name: params.text("name").unwrap_or_default(),
        scope: params.word("scope")?.unwrap_or(Scope::Viewer),
        life: params.text("expires").unwrap_or_else(|| "90d".to_owned()),
        problem: None,
    };
    let target = Target(format!("{} ({})", form.name, form.scope));
    match put(&web, &caller, &form).await {
        Ok(made) => {
            let page = page(&web, caller, &headers, Form::default(), Some(made), None).await?;
            Ok((StatusCode::CREATED, axum::Extension(target), render(&page)?).into_response())
        }
        Err(NotMade::Said(status, problem)) => {
            form.problem = Some(problem);
            let page = page(&web, caller, &headers, form, None, None).await?;
            Ok((status, render(&page)?).into_response())
        }
        Err(NotMade::Failed(failed)) => Err(failed.into()),
    }
}

/// Why a form made no token.
enum NotMade {
    /// What to say beside it.
    Said(StatusCode, String),
    /// The database.
    Failed(StoreError),
}

async fn put(web: &WebState, caller: &Caller, form: &Form) -> Result<Made, NotMade> {
    let wrong = |field: &str, why: &dyn std::fmt::Display| {
        NotMade::Said(StatusCode::BAD_REQUEST, format!("{field}: {why}."))
    };
    let name: ApiTokenName = form.name.parse().map_err(|why| wrong("Name", &why))?;
    let life: Lifetime = form.life.parse().map_err(|why| wrong("Expires", &why))?;
    let (text, now) = (ApiTokenText::of(rand::random()), web.clock.now());
    let new = NewApiToken {
        name: &name,
        scope: form.scope,
        sha256: text.sha256(),
        created_by: &caller.name,
        expires_at: life.end(now),
    };
    let made = web.store.add_api_token(&new, now).await.map_err(NotMade::Failed)?;
    let taken = || {
        let said =
            format!("There is a token named {name}: revoke it first, or choose another name.");
        NotMade::Said(StatusCode::CONFLICT, said)
    };
    let made = made.ok_or_else(taken)?;
    Ok(Made { name: made.name, scope: made.scope, text })
}

/// `POST /access/tokens/{id}/revoke`.
pub(super) async fn revoke(
    State(web): State<WebState>,
    Path(id): Path<String>,
) -> Result<(axum::Extension<Target>, Redirect), Problem> {
    let unknown = || Problem::not_found("There is no such token, or it was revoked before.");
    let id = ApiTokenId(id.parse().map_err(|_| unknown())?);
    let token = web.store.revoke_api_token(id, web.clock.now()).await?.ok_or_else(unknown)?;
    web.live.access_ended(&token.name);
    let target = Target(format!("{} ({})", token.name, token.scope));
    Ok((axum::Extension(target), Redirect::to("/access?done=revoked")))
}

/// `POST /access/sessions/end`: signs the caller's name out of every browser.
pub(super) async fn end_own(
    State(web): State<WebState>,
    caller: Caller,
) -> Result<(axum::Extension<Target>, Redirect), Problem> {
    let ended = web.store.end_sessions_of(&caller.name).await?;
    web.live.access_ended(&caller.name);
    let target = Target(format!("{} of {}", sessions_in_words(ended), caller.name));
    Ok((axum::Extension(target), Redirect::to("/login")))
}

fn sessions_in_words(count: u64) -> String {
    if count == 1 { "1 session".to_owned() } else { format!("{count} sessions") }
}

/// `POST /access/sessions/{handle}/end`: signs one browser out.
pub(super) async fn end_one(
    State(web): State<WebState>,
    Path(handle): Path<String>,
) -> Result<(axum::Extension<Target>, Redirect), Problem> {
    let now = web.clock.now();
    let found = web.store.sessions(None, now).await?.into_iter().find(|s| s.handle() == handle);
    let session = found.ok_or_else(|| Problem::not_found("That session has ended already."))?;
    web.store.take_token(&session.sha256, TokenKind::Session, now).await?;
    web.live.access_ended(&session.name);
    let target = Target(format!("{} since {}", session.name, exact(session.created_at)));
    Ok((axum::Extension(target), Redirect::to("/access?done=ended")))
}
