//! Who may come in: a bearer token for programs, a session cookie for browsers.
//!
//! A cookie is sent by the browser whoever made it send the request, so every change that a
//! cookie allows must prove that it comes from our own pages (`is_same_origin`). A token is
//! compared as a hash, with all that are accepted, in constant time; of a session only the hash
//! is stored. A cookie that means nothing is no session, never an error. Deliberately absent:
//! users. Whoever has a token acts under its name.

mod bearers;
pub mod guard;
mod record;
mod sign_in;
mod tries;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

pub use record::Target;

use super::error::{Problem, ProblemKind};
use super::state::WebState;
use crate::config::Secrets;
use crate::store::StoreError;
use crate::store::sessions::{Session, TokenKind};

const COOKIE: &str = "jetbridge_session";
/// Browsers take a cookie of this prefix from this very host alone, and only over TLS.
const COOKIE_OVER_TLS: &str = "__Host-jetbridge_session";
const SESSION_LIFE: chrono::TimeDelta = chrono::TimeDelta::days(30);
const LINK_LIFE: chrono::TimeDelta = chrono::TimeDelta::minutes(15);
/// Where one lands after signing in.
const HOME: &str = "/boards";
/// Longest address that is kept over the sign-in.
const LONGEST_NEXT: usize = 2048;

/// Only our own scripts, styles and forms; nobody may frame us.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// `/login` and `/logout`, with a count of sign-in attempts of their own.
pub fn routes() -> Router<WebState> {
    sign_in::routes()
}

/// What identifies the sender of a request.
fn credentials(headers: &HeaderMap) -> HeaderMap {
    let ours = [header::AUTHORIZATION, header::COOKIE];
    let kept = ours.iter().flat_map(|name| {
        headers.get_all(name).iter().map(move |value| (name.clone(), value.clone()))
    });
    let mut credentials = HeaderMap::new();
    for (name, value) in kept {
        credentials.append(name, value);
    }
    credentials
}

/// Layer for everything but the webhook endpoints: what browsers may do with the answer.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A handler may be stricter, as that of raw bodies is.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_SECURITY_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // `no-referrer` would make browsers send `Origin: null` with our own forms too.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Makes an address that signs one browser in, once, within 15 minutes.
///
/// # Errors
/// When it can't be stored.
pub async fn one_time_link(state: &WebState) -> Result<String, StoreError> {
    let (token, now) = (new_secret(), state.clock.now());
    state.store.put_token(&hash(&token), TokenKind::SignInLink, now, now + LINK_LIFE).await?;
    Ok(format!("{}/login?link={token}", state.public_url))
}

/// 256 random bits as text.
fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// A token as we make them; nothing else is worth asking the database for.
fn is_token_shaped(token: &str) -> bool {
    token.len() == 64 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_admin_token(accepted: &Secrets, token: &str) -> bool {
    let given = hash(token);
    let fits = |found: Choice, secret| found | hash(secret).ct_eq(&given);
    accepted.expose().fold(Choice::from(0), fits).into()
}

fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The open session whose cookie a browser sends.
pub(in crate::web) async fn session_of(
    state: &WebState,
    headers: &HeaderMap,
) -> Result<Option<Session>, StoreError> {
    match session_token(headers, &state.public_url) {
        Some(token) => state.store.session(&hash(token), state.clock.now()).await,
        None => Ok(None),
    }
}

fn cookie_name(public_url: &str) -> &'static str {
    if public_url.starts_with("https://") { COOKIE_OVER_TLS } else { COOKIE }
}

/// The first cookie of our name that can be a token.
fn session_token<'a>(headers: &'a HeaderMap, public_url: &str) -> Option<&'a str> {
    let wanted = cookie_name(public_url);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == wanted && is_token_shaped(value))
        .map(|(_, value)| value)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser says that one of our own pages sent the request. What the browser says of
/// the whole way (`Sec-Fetch-Site`) outranks `Origin`, which is all that there is over plain
/// HTTP. Neither of them: no.
fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return false };
    if origin_of(public_url).is_some_and(|ours| ours.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = origin.split_once("://").map(|(_, host)| host);
    host.zip(text(header::HOST)).is_some_and(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours))
}

/// `https://host:port` of an address, without the port that its scheme implies.
fn origin_of(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    let implied = if scheme == "https" { ":443" } else { ":80" };
    Some(format!("{scheme}://{}", host.strip_suffix(implied).unwrap_or(host)))
}

fn to_login(method: &Method, uri: &Uri) -> Response {
    let asked = uri.path_and_query().map(PathAndQuery::as_str);
    let next = asked.filter(|path| is_safe(method) && is_local_path(path) && *path != "/");
    let Some(next) = next else { return Redirect::to("/login").into_response() };
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    Redirect::to(&format!("/login?{query}")).into_response()
}

/// A path on this server and nothing that a browser could take for another one.
fn is_local_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= LONGEST_NEXT
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(ProblemKind::Unauthorized, detail)
}

fn foreign_origin() -> Problem {
    let detail = "The request does not come from a page of this Jetbridge. Open it at its public_url, or use a \
        bearer token.";
    Problem::new(ProblemKind::Forbidden, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_kept_over_the_sign_in() {
        for good in ["/boards", "/boards?q=a%20b&x=1", "/work-items/plane:1"] {
            assert!(is_local_path(good), "{good}");
        }
        for bad in [
            "",
            "boards",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/ö",
        ] {
            assert!(!is_local_path(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_ours_by_public_url_or_by_host() {
        let from = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_same_origin(&headers, "https://hooks.example.org:443/jetbridge")
        };
        assert!(from(&[("origin", "https://hooks.example.org")]));
        assert!(from(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        assert!(from(&[("sec-fetch-site", "none")]));
        assert!(!from(&[]));
        assert!(!from(&[("host", "hooks.example.org")]));
        assert!(!from(&[("origin", "null"), ("host", "null")]));
        assert!(!from(&[("origin", "https://evil.example"), ("host", "hooks.example.org")]));
        assert!(!from(&[("origin", "http://hooks.example.org"), ("host", "internal:8080")]));
        assert!(!from(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://hooks.example.org")
        ]));
        assert!(!from(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn any_of_the_admin_tokens_is_good_and_an_empty_one_never() {
        let tokens = Secrets::new(["new".to_owned(), "old".to_owned()]);
        assert!(is_admin_token(&tokens, "new") && is_admin_token(&tokens, "old"));
        assert!(!is_admin_token(&tokens, "ne") && !is_admin_token(&tokens, ""));
        assert!(!is_admin_token(&Secrets::none(), ""));
    }
}
