//! Posts a webhook as Plane or GitHub does: the body signed as it goes out, ids in headers.
//!
//! For trying an installation out. Deliberately absent: retries, since the answer is what
//! whoever sends it wants to see.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::http_client::http_client;
use crate::ids::DeliveryId;

/// Longest answer worth keeping, bytes.
const ANSWER_LIMIT: usize = 4096;

/// One webhook, not yet signed.
#[derive(Debug)]
pub struct PlaneWebhook {
    /// `X-Plane-Delivery`.
    pub delivery_id: DeliveryId,
    /// `X-Plane-Event`.
    pub event: &'static str,
    /// The exact bytes.
    pub body: Vec<u8>,
}

/// One webhook of GitHub's, not yet signed.
#[derive(Debug)]
pub struct GithubWebhook {
    /// `X-GitHub-Delivery`.
    pub delivery_id: DeliveryId,
    /// `X-GitHub-Event`.
    pub event: &'static str,
    /// `X-GitHub-Enterprise-Host`: the server, where it is not github.com.
    pub server: Option<String>,
    /// The exact bytes.
    pub body: Vec<u8>,
}

/// What the receiver said.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the answer's body.
    pub body: String,
}

/// There was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address is none.
    #[error("{0} is no address to post to: name one such as http://127.0.0.1:8080 with --to")]
    BadAddress(String),
    /// Nobody there.
    #[error(
        "nobody answers at {0}: start jetbridge serve there, or name another address with --to"
    )]
    Unreachable(String),
    /// Too slow.
    #[error("{address} did not answer within {}: look at its log and run jetbridge doctor there", crate::config::HumanDuration(*.limit))]
    TimedOut {
        /// Whom we asked.
        address: String,
        /// How long we waited.
        limit: Duration,
    },
}

/// Signs the webhook and posts it to `url`, waiting no longer than `limit`.
///
/// # Errors
/// When no answer comes; any answer, whatever its status, is one.
pub async fn post_plane_webhook(
    url: &str,
    secret: &str,
    webhook: PlaneWebhook,
    limit: Duration,
) -> Result<Answer, SendError> {
    let headers = vec![
        ("X-Plane-Delivery", webhook.delivery_id.to_string()),
        ("X-Plane-Event", webhook.event.to_owned()),
        ("X-Plane-Signature", sign(secret, &webhook.body)),
    ];
    post(url, headers, webhook.body, limit).await
}

/// Signs the webhook, where there is a secret, and posts it to `url`, waiting no longer than
/// `limit`.
///
/// # Errors
/// When no answer comes; any answer, whatever its status, is one.
pub async fn post_github_webhook(
    url: &str,
    secret: Option<&str>,
    webhook: GithubWebhook,
    limit: Duration,
) -> Result<Answer, SendError> {
    let mut headers = vec![
        ("X-GitHub-Delivery", webhook.delivery_id.to_string()),
        ("X-GitHub-Event", webhook.event.to_owned()),
    ];
    headers.extend(webhook.server.map(|server| ("X-GitHub-Enterprise-Host", server)));
    if let Some(secret) = secret {
        let signature = format!("sha256={}", sign(secret, &webhook.body));
        headers.push(("X-Hub-Signature-256", signature));
    }
    post(url, headers, webhook.body, limit).await
}

async fn post(
    url: &str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    limit: Duration,
) -> Result<Answer, SendError> {
    let no_answer = |error: reqwest::Error| match () {
        () if error.is_builder() => SendError::BadAddress(url.to_owned()),
        () if error.is_timeout() => SendError::TimedOut { address: url.to_owned(), limit },
        () => SendError::Unreachable(url.to_owned()),
    };
    let mut request = http_client(limit)
        .map_err(no_answer)?
        .post(url)
        .header("Content-Type", "application/json")
        .body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(no_answer)?;
    let start = &body[..body.len().min(ANSWER_LIMIT)];
    Ok(Answer { status, body: String::from_utf8_lossy(start).into_owned() })
}

/// Lower-case hex of HMAC-SHA256, without a prefix.
fn sign(secret: &str, body: &[u8]) -> String {
    // A key of any length is one; only fixed-length MACs can refuse here.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_standard_one() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign("Jefe", b"what do ya want for nothing?"), expected);
    }
}
