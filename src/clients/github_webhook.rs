//! Posts a webhook as GitHub does: JSON or a form, signed as it goes out, ids in headers.
//!
//! Deliberately absent: retries, since GitHub makes none, and the old SHA-1 signature, which no
//! receiver should look at.

use std::sync::OnceLock;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::http_client::http_client;
use super::webhook_sender::{Answer, SendError};
use crate::ids::DeliveryId;
use crate::sources::Encoding;

/// Longest answer worth keeping, bytes.
const ANSWER_LIMIT: usize = 4096;

/// One webhook, not yet signed.
#[derive(Debug, Clone)]
pub struct GithubWebhook {
    /// `X-GitHub-Delivery`: of the event, equal for every hook and over redeliveries.
    pub delivery_id: DeliveryId,
    /// `X-GitHub-Event`.
    pub event: String,
    /// `X-GitHub-Hook-ID`.
    pub hook_id: u64,
    /// `X-GitHub-Hook-Installation-Target-ID`: the repository whose hook it is.
    pub repository_id: u64,
    /// `X-GitHub-Enterprise-Host`: the server, where it is not github.com.
    pub server: Option<String>,
    /// How the payload travels.
    pub encoding: Encoding,
    /// The payload.
    pub json: String,
}

/// One webhook, exactly as it goes out.
#[derive(Clone)]
pub struct SignedGithubWebhook {
    /// Every header that GitHub adds.
    pub headers: Vec<(&'static str, String)>,
    /// The exact bytes.
    pub body: Vec<u8>,
}

impl GithubWebhook {
    /// Encodes it and signs the bytes; without a secret there is no signature.
    pub fn sign(&self, secret: Option<&str>) -> SignedGithubWebhook {
        let (content_type, body) = match self.encoding {
            Encoding::Json => ("application/json", self.json.clone()),
            Encoding::Form => (
                "application/x-www-form-urlencoded",
                form_urlencoded::Serializer::new(String::new())
                    .append_pair("payload", &self.json)
                    .finish(),
            ),
        };
        let mut headers = vec![
            ("Accept", "*/*".to_owned()),
            ("Content-Type", content_type.to_owned()),
            ("User-Agent", "GitHub-Hookshot/jetbridge".to_owned()),
            ("X-GitHub-Delivery", self.delivery_id.to_string()),
            ("X-GitHub-Event", self.event.clone()),
            ("X-GitHub-Hook-ID", self.hook_id.to_string()),
            ("X-GitHub-Hook-Installation-Target-ID", self.repository_id.to_string()),
            ("X-GitHub-Hook-Installation-Target-Type", "repository".to_owned()),
        ];
        headers.extend(self.server.clone().map(|server| ("X-GitHub-Enterprise-Host", server)));
        if let Some(secret) = secret {
            headers.push(("X-Hub-Signature-256", signature(secret, body.as_bytes())));
        }
        SignedGithubWebhook { headers, body: body.into_bytes() }
    }
}

/// `sha256=` and lower-case hex of HMAC-SHA256.
fn signature(secret: &str, body: &[u8]) -> String {
    // A key of any length is one; only fixed-length MACs can refuse here.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Posts signed webhooks, waiting for each answer no longer than its limit.
#[derive(Debug)]
pub struct GithubWebhookSender {
    limit: Duration,
    http: OnceLock<reqwest::Client>,
}

impl GithubWebhookSender {
    /// With a limit on each exchange.
    pub const fn new(limit: Duration) -> Self {
        Self { limit, http: OnceLock::new() }
    }

    /// Posts it to `url`.
    ///
    /// # Errors
    /// When no answer comes; any answer, whatever its status, is one.
    pub async fn post(&self, url: &str, webhook: SignedGithubWebhook) -> Result<Answer, SendError> {
        let limit = self.limit;
        let no_answer = |error: reqwest::Error| match () {
            () if error.is_builder() => SendError::BadAddress(url.to_owned()),
            () if error.is_timeout() => SendError::TimedOut { address: url.to_owned(), limit },
            () => SendError::Unreachable(url.to_owned()),
        };
        let http = if let Some(http) = self.http.get() {
            http
        } else {
            let made = http_client(limit).map_err(no_answer)?;
            self.http.get_or_init(|| made)
        };
        let mut request = http.post(url).body(webhook.body);
        for (name, value) in webhook.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(no_answer)?;
        let start = &body[..body.len().min(ANSWER_LIMIT)];
        Ok(Answer { status, body: String::from_utf8_lossy(start).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(encoding: Encoding) -> GithubWebhook {
        GithubWebhook {
            delivery_id: DeliveryId::new("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            event: "issues".to_owned(),
            hook_id: 7,
            repository_id: 9,
            server: None,
            encoding,
            json: r#"{"action":"opened"}"#.to_owned(),
        }
    }

    #[test]
    fn the_signature_is_the_one_that_github_documents() {
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signature("It's a Secret to Everybody", b"Hello, World!"), expected);
    }

    #[test]
    fn a_form_is_signed_as_it_is_encoded() {
        let signed = webhook(Encoding::Form).sign(Some("s"));
        assert_eq!(signed.body, b"payload=%7B%22action%22%3A%22opened%22%7D");
        let header = signed.headers.iter().find(|(n, _)| *n == "X-Hub-Signature-256").unwrap();
        assert_eq!(header.1, signature("s", &signed.body));
    }

    #[test]
    fn without_a_secret_there_is_no_signature() {
        let signed = webhook(Encoding::Json).sign(None);
        assert!(signed.headers.iter().all(|(name, _)| !name.contains("Signature")));
    }
}
