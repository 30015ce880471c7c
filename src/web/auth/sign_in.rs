//! The sign-in page, the one-time link and signing out.
//!
//! Opening a one-time link shows a button and changes nothing: mail scanners and browsers that
//! fetch ahead would use it up otherwise. The button's POST does.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::time::timeout;

use super::record::{peer_text, write_down};
use super::tries::{Tries, Try};
use super::{
    HOME, SESSION_LIFE, cookie_name, foreign_origin, hash, is_admin_token, is_local_path,
    is_same_origin, is_token_shaped, new_secret, session_of, session_token,
};
use crate::access::{
    ApiTokenId, ApiTokenText, AuditEntry, Caller, CallerKind, Outcome, Scope, can_not_be_guessed,
};
use crate::clock::Timestamp;
use crate::store::sessions::{NewSession, Session, TokenKind};
use crate::web::error::{Problem, ProblemKind, fallback_method};
use crate::web::reality::Reality;
use crate::web::server::Peer;
use crate::web::state::WebState;

/// A sign-in form is far smaller.
const LONGEST_FORM: usize = 16 * 1024;
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn routes() -> Router<WebState> {
    Router::new()
        .route("/login", get(show).post(sign_in).fallback(fallback_method))
        .route("/logout", post(sign_out).fallback(fallback_method))
        .layer(Extension(Arc::new(Limits {
            tries: Tries::new(MOST_TRIES),
            rows: Tries::new(MOST_ROWS),
        })))
}

/// Wrong tries of one network in a minute.
const MOST_TRIES: u32 = 10;
/// Refused ones in the audit log, of everybody in a minute.
const MOST_ROWS: u32 = 60;

/// What strangers may do.
#[derive(Debug)]
struct Limits {
    tries: Tries,
    rows: Tries,
}

/// What the page is asked for with, or the form is sent with.
#[derive(Debug, Default)]
struct Fields {
    token: Option<String>,
    link: Option<String>,
    next: Option<String>,
}

impl Fields {
    fn read(encoded: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(encoded) {
            match name.as_ref() {
                "token" => fields.token = Some(value.into_owned()),
                "link" => fields.link = Some(value.into_owned()),
                "next" => fields.next = Some(value.into_owned()).filter(|n| is_local_path(n)),
                _ => {}
            }
        }
        fields
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    host: &'a str,
    token_file: &'a str,
    link: Option<&'a str>,
    next: Option<&'a str>,
    problem: Option<String>,
    reality: Reality,
}

impl<'a> LoginPage<'a> {
    fn new(state: &'a WebState, fields: &'a Fields) -> Self {
        let address = state.public_url.as_ref();
        Self {
            host: address.split_once("://").map_or(address, |(_, host)| host),
            token_file: &state.admin_token_file,
            link: fields.link.as_deref(),
            next: fields.next.as_deref(),
            problem: None,
            reality: state.reality,
        }
    }

    fn answer(&self, status: StatusCode) -> Response {
        match self.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(failed) => {
                tracing::error!(error = %failed, "the sign-in page can't be rendered");
                Problem::internal().into_response()
            }
        }
    }
}

async fn show(
    State(state): State<WebState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let fields = Fields::read(uri.query().unwrap_or_default().as_bytes());
    if fields.link.is_none() && session_of(&state, &headers).await?.is_some() {
        return Ok(Redirect::to(fields.next.as_deref().unwrap_or(HOME)).into_response());
    }
    Ok(LoginPage::new(&state, &fields).answer(StatusCode::OK))
}

/// Who proved to be whom.
struct Known {
    name: String,
    scope: Scope,
    api_token: Option<ApiTokenId>,
    ends: Option<Timestamp>,
    /// How, for the audit log.
    with: &'static str,
}

impl Known {
    fn admin(with: &'static str) -> Self {
        Self { name: "admin".to_owned(), scope: Scope::Admin, api_token: None, ends: None, with }
    }
}

async fn sign_in(
    State(state): State<WebState>,
    Extension(limits): Extension<Arc<Limits>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response, Problem> {
    if !is_same_origin(&headers, &state.public_url) {
        return Err(foreign_origin());
    }
    let form = Fields::read(&read_form(body).await?);
    let peer = extensions.get::<Peer>().map(|peer| peer.0);
    let attempt = limits.tries.begin(peer, state.clock.now());
    let sent = form.link.as_deref().or(form.token.as_deref()).unwrap_or_default().trim();
    let address = peer_text(&extensions);
    if (attempt.is_ok() || can_not_be_guessed(sent))
        && let Some(known) = recognize(&state, &form).await?
    {
        if let Ok(attempt) = attempt {
            limits.tries.give_back(attempt);
        }
        return open_session(&state, known, address, form.next.as_deref()).await;
    }
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(seconds) => return Ok(refused(&state, form, &Refusal::Wait(seconds))),
    };
    if limits.rows.begin(None, state.clock.now()).is_err() {
        return Ok(refused(&state, form, &Refusal::Wrong(attempt)));
    }
    let nobody = AuditEntry::of_nobody(state.clock.now(), "sign in", "POST /login");
    let with = if form.link.is_some() { LINK } else { TOKEN };
    let entry = AuditEntry { address, outcome: Outcome::Refused, ..nobody.with_target(with) };
    write_down(&state, &entry).await;
    Ok(refused(&state, form, &Refusal::Wrong(attempt)))
}

/// What was shown to prove it, as the audit log says it.
const LINK: &str = "with a one-time link";
const TOKEN: &str = "with a token";
const ADMIN_TOKEN: &str = "with the admin token";

/// Why nobody was signed in.
enum Refusal {
    /// Too many tries: so many seconds.
    Wait(u64),
    /// What was sent is not right.
    Wrong(Try),
}

fn refused(state: &WebState, form: Fields, why: &Refusal) -> Response {
    let what = match form.link {
        Some(_) => "That link has been used or is too old.",
        None => "That token is not right, or has ended.",
    };
    // A refused link is not offered again: what remains is the token.
    let again = Fields { token: None, link: None, next: form.next };
    let mut page = LoginPage::new(state, &again);
    match why {
        Refusal::Wait(seconds) => {
            page.problem =
                Some(format!("Too many tries. The next one is possible in {seconds} s."));
            let mut answer = page.answer(StatusCode::TOO_MANY_REQUESTS);
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            answer
        }
        Refusal::Wrong(attempt) => {
            page.problem = Some(match attempt.left {
                1 => format!("{what} 1 try is left in this minute."),
                left => format!("{what} {left} tries are left in this minute."),
            });
            page.answer(StatusCode::FORBIDDEN)
        }
    }
}

async fn recognize(state: &WebState, form: &Fields) -> Result<Option<Known>, Problem> {
    let now = state.clock.now();
    match (&form.link, &form.token) {
        (Some(link), _) if is_token_shaped(link) => {
            let (link, kind) = (hash(link), TokenKind::SignInLink);
            // Whoever sends one that never was does not get as far as a write.
            let taken = state.store.has_token(&link, kind, now).await?
                && state.store.take_token(&link, kind, now).await?;
            Ok(taken.then(|| Known::admin(LINK)))
        }
        (None, Some(token)) => {
            let token = token.trim();
            if is_admin_token(&state.admin_token, token) {
                return Ok(Some(Known::admin(ADMIN_TOKEN)));
            }
            by_api_token(state, token, now).await
        }
        _ => Ok(None),
    }
}

async fn by_api_token(
    state: &WebState,
    token: &str,
    now: Timestamp,
) -> Result<Option<Known>, Problem> {
    if !ApiTokenText::is_shape_of(token) {
        return Ok(None);
    }
    let found = state.store.find_api_token(&hash(token)).await?;
    let Some(good) = found.filter(|token| token.is_good(now)) else { return Ok(None) };
    state.store.api_token_used(good.id, now).await?;
    Ok(Some(Known {
        name: good.name,
        scope: good.scope,
        api_token: Some(good.id),
        ends: good.expires_at,
        with: "with an API token",
    }))
}

async fn open_session(
    state: &WebState,
    known: Known,
    address: String,
    next: Option<&str>,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    let expires_at = known.ends.map_or(now + SESSION_LIFE, |ends| ends.min(now + SESSION_LIFE));
    let token = new_secret();
    let caller = Caller { name: known.name.clone(), kind: CallerKind::Session, scope: known.scope };
    let session = NewSession {
        name: known.name,
        scope: known.scope,
        api_token: known.api_token,
        address: address.clone(),
        expires_at,
    };
    state.store.open_session(&hash(&token), &session, now).await?;
    let entry = AuditEntry::of(now, &caller, "sign in", "POST /login").with_target(known.with);
    write_down(state, &AuditEntry { address, ..entry }).await;
    let cookie = session_cookie(state, &token, (expires_at - now).num_seconds())?;
    Ok((cookie, Redirect::to(next.unwrap_or(HOME))).into_response())
}

async fn sign_out(
    State(state): State<WebState>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    if !is_same_origin(&headers, &state.public_url) {
        return Err(foreign_origin());
    }
    if let Some(session) = session_of(&state, &headers).await? {
        let name = session.name.clone();
        end(&state, session, peer_text(&extensions)).await?;
        state.live.access_ended(&name);
    } else if let Some(token) = session_token(&headers, &state.public_url) {
        let now = state.clock.now();
        state.store.take_token(&hash(token), TokenKind::Session, now).await?;
    }
    Ok((session_cookie(&state, "", 0)?, Redirect::to("/login")).into_response())
}

async fn end(state: &WebState, session: Session, address: String) -> Result<(), Problem> {
    let now = state.clock.now();
    state.store.take_token(&session.sha256, TokenKind::Session, now).await?;
    let caller = Caller { name: session.name, kind: CallerKind::Session, scope: session.scope };
    let entry = AuditEntry::of(now, &caller, "sign out", "POST /logout");
    write_down(state, &AuditEntry { address, ..entry }).await;
    Ok(())
}

fn session_cookie(
    state: &WebState,
    value: &str,
    seconds: i64,
) -> Result<[(HeaderName, HeaderValue); 1], Problem> {
    let name = cookie_name(&state.public_url);
    let secure = if state.public_url.starts_with("https://") { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}{secure}");
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::internal())?;
    cookie.set_sensitive(true);
    Ok([(header::SET_COOKIE, cookie)])
}

async fn read_form(body: Body) -> Result<Vec<u8>, Problem> {
    let too_late = || Problem::new(ProblemKind::Timeout, "Send the form again.");
    let too_large = || Problem::new(ProblemKind::TooLarge, "A sign-in form is at most 16 KiB.");
    let body = timeout(FORM_TIMEOUT, to_bytes(body, LONGEST_FORM)).await.map_err(|_| too_late())?;
    Ok(body.map_err(|_| too_large())?.to_vec())
}
