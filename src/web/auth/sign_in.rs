//! The sign-in page, the one-time link and signing out.
//!
//! Opening a one-time link shows a button and changes nothing: mail scanners and browsers that
//! fetch ahead would use it up otherwise. The button's POST does.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::time::timeout;

use super::tries::Tries;
use super::{
    COOKIE, HOME, SESSION_LIFE, foreign_origin, has_session, hash, is_admin_token, is_local_path,
    is_same_origin, is_token_shaped, new_token, session_token,
};
use crate::store::sessions::TokenKind;
use crate::web::error::{Problem, ProblemKind, fallback_method};
use crate::web::reality::Reality;
use crate::web::state::WebState;

/// A sign-in form is far smaller.
const LONGEST_FORM: usize = 16 * 1024;
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn routes() -> Router<WebState> {
    Router::new()
        .route("/login", get(show).post(sign_in).fallback(fallback_method))
        .route("/logout", post(sign_out).fallback(fallback_method))
        .layer(Extension(Arc::new(Tries::default())))
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
    if fields.link.is_none() && has_session(&state, &headers).await? {
        return Ok(Redirect::to(fields.next.as_deref().unwrap_or(HOME)).into_response());
    }
    Ok(LoginPage::new(&state, &fields).answer(StatusCode::OK))
}

async fn sign_in(
    State(state): State<WebState>,
    Extension(tries): Extension<Arc<Tries>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !is_same_origin(&headers, &state.public_url) {
        return Err(foreign_origin());
    }
    let form = Fields::read(&read_form(body).await?);
    // A refused link is not offered again: what remains is the token.
    let again = Fields { token: None, link: None, next: form.next.clone() };
    let mut page = LoginPage::new(&state, &again);
    let attempt = match tries.begin(state.clock.now()) {
        Ok(attempt) => attempt,
        Err(seconds) => {
            page.problem =
                Some(format!("Too many tries. The next one is possible in {seconds} s."));
            let mut answer = page.answer(StatusCode::TOO_MANY_REQUESTS);
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            return Ok(answer);
        }
    };
    if is_right(&state, &form).await? {
        tries.give_back(attempt);
        return open_session(&state, again.next.as_deref()).await;
    }
    let what = if form.link.is_some() {
        "That link has been used or is too old."
    } else {
        "That token is not right."
    };
    page.problem = Some(match attempt.left {
        1 => format!("{what} 1 try is left in this minute."),
        left => format!("{what} {left} tries are left in this minute."),
    });
    Ok(page.answer(StatusCode::FORBIDDEN))
}

async fn is_right(state: &WebState, form: &Fields) -> Result<bool, Problem> {
    match (&form.link, &form.token) {
        (Some(link), _) if is_token_shaped(link) => {
            let now = state.clock.now();
            Ok(state.store.take_token(&hash(link), TokenKind::SignInLink, now).await?)
        }
        (None, Some(token)) => Ok(is_admin_token(&state.admin_token, token.trim())),
        _ => Ok(false),
    }
}

async fn open_session(state: &WebState, next: Option<&str>) -> Result<Response, Problem> {
    let token = new_token(state, TokenKind::Session, SESSION_LIFE).await?;
    let cookie = session_cookie(state, &token, SESSION_LIFE.num_seconds())?;
    Ok((cookie, Redirect::to(next.unwrap_or(HOME))).into_response())
}

async fn sign_out(State(state): State<WebState>, headers: HeaderMap) -> Result<Response, Problem> {
    if !is_same_origin(&headers, &state.public_url) {
        return Err(foreign_origin());
    }
    if let Some(token) = session_token(&headers) {
        let now = state.clock.now();
        state.store.take_token(&hash(token), TokenKind::Session, now).await?;
    }
    Ok((session_cookie(&state, "", 0)?, Redirect::to("/login")).into_response())
}

fn session_cookie(
    state: &WebState,
    value: &str,
    seconds: i64,
) -> Result<[(HeaderName, HeaderValue); 1], Problem> {
    let secure = if state.public_url.starts_with("https://") { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}{secure}");
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
