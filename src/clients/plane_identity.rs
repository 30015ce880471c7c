//! Asks Plane whose key ours is, which also proves that Plane is there and takes the key.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::http_client::http_client;

/// Plane did not say who we are. Each line says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The key is wrong, expired or disabled.
    #[error(
        "Plane refuses the key ({0}): make a new one in Plane under Profile settings, Personal access tokens, and set plane.api_key"
    )]
    Denied(u16),
    /// No connection.
    #[error("no connection to {0}: check plane.api_url and that Plane can be reached from here")]
    Unreachable(String),
    /// No answer in time.
    #[error("{address} did not answer within {}: check that Plane is healthy", crate::config::HumanDuration(*.limit))]
    TimedOut {
        /// Whom we asked.
        address: String,
        /// How long we waited.
        limit: Duration,
    },
    /// Something else answered.
    #[error(
        "{address} answered {status}, which is not Plane's API: set plane.api_url to it, such as https://api.plane.so"
    )]
    NotPlane {
        /// Whom we asked.
        address: String,
        /// What came back.
        status: u16,
    },
}

#[derive(Deserialize)]
struct OwnUser {
    display_name: String,
}

/// The display name of the key's user.
///
/// # Errors
/// When Plane is not there or does not take the key.
pub async fn fetch_own_name(
    api_url: &str,
    key: &str,
    limit: Duration,
) -> Result<String, IdentityError> {
    let no_answer = |error: reqwest::Error| match () {
        () if error.is_timeout() => IdentityError::TimedOut { address: api_url.to_owned(), limit },
        () => IdentityError::Unreachable(api_url.to_owned()),
    };
    let not_plane = |status: StatusCode| IdentityError::NotPlane {
        address: api_url.to_owned(),
        status: status.as_u16(),
    };
    let Ok(mut key) = HeaderValue::try_from(key) else {
        return Err(IdentityError::Denied(StatusCode::FORBIDDEN.as_u16()));
    };
    key.set_sensitive(true);
    let response = http_client(limit)
        .map_err(no_answer)?
        .get(format!("{api_url}/api/v1/users/me/"))
        .header("X-API-Key", key)
        .send()
        .await
        .map_err(no_answer)?;
    match response.status() {
        StatusCode::OK => {
            let user: OwnUser = response.json().await.map_err(|_| not_plane(StatusCode::OK))?;
            Ok(user.display_name)
        }
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(IdentityError::Denied(status.as_u16()))
        }
        // The key was taken: limits are told only to those who have one.
        StatusCode::TOO_MANY_REQUESTS => Ok("a user over its rate limit".to_owned()),
        status => Err(not_plane(status)),
    }
}
