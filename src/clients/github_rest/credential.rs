//! What says who asks: a token as it was given, or a word that a GitHub App's key has just signed.

use secrecy::{ExposeSecret, SecretString};

use crate::clients::github_app::AppKey;
use crate::clock::Timestamp;

/// What a request is made with.
pub(super) enum Credential {
    Token(SecretString),
    App(AppKey),
}

impl Credential {
    /// `None` where an App's key can't sign.
    pub(super) fn bearer(&self, now: Timestamp) -> Option<SecretString> {
        match self {
            Self::Token(token) => Some(token.clone()),
            Self::App(key) => key.sign(now),
        }
    }

    /// What GitHub counts requests by.
    pub(super) fn account(&self) -> &str {
        match self {
            Self::Token(token) => token.expose_secret(),
            Self::App(key) => key.app().as_str(),
        }
    }
}
