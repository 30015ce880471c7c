//! How every outgoing connection is made: TLS by rustls on ring, a limit on the whole exchange.
//!
//! No redirect is followed: our requests carry tokens in headers of their own, which a redirect
//! would hand to whoever it names.

use std::time::Duration;

use reqwest::header::{self, HeaderMap};

use crate::clock::Timestamp;

/// Longest answer of an API that is read.
pub(super) const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// An HTTP client whose exchanges end after `limit`.
pub(super) fn http_client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    builder(limit).timeout(limit).build()
}

/// One for answers that stay open: only connecting ends after `limit`.
pub(super) fn streaming_client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    builder(limit).build()
}

fn builder(limit: Duration) -> reqwest::ClientBuilder {
    // Refused when somebody has done it before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("jetbridge/", env!("CARGO_PKG_VERSION")))
}

/// Why an answer was not had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It is longer than what is read of one.
    TooLong,
    /// It did not come, or not to its end.
    Broken(&'static str),
}

/// The whole body of an answer, if it is no longer than so many bytes.
pub(super) async fn read_whole(
    mut answer: reqwest::Response,
    longest: usize,
) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| NoAnswer::Broken(cause(&e)))? {
        if body.len() + chunk.len() > longest {
            return Err(NoAnswer::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What time it is at whoever answered, in whole seconds.
pub(super) fn said_at(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    chrono::DateTime::parse_from_rfc2822(date).ok().map(|at| at.to_utc())
}

/// What went wrong, without the address, which may hold what is nobody's business.
pub(super) fn cause(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the answer broke off"
    }
}
