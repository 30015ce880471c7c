//! Browser sessions and one-time sign-in links, by the SHA-256 of their token.

use super::{Store, StoreResult};
use crate::clock::Timestamp;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens pages until it expires.
    Session,
    /// Makes one session, once.
    SignInLink,
}

impl Store {
    pub async fn put_token(&self, _sha256: &[u8; 32], _kind: TokenKind, _now: Timestamp, _expires_at: Timestamp) -> StoreResult<()> { unimplemented!() }
    /// Whether a session is good at `now`.
    pub async fn session_is_open(&self, _sha256: &[u8; 32], _now: Timestamp) -> StoreResult<bool> { unimplemented!() }
    /// Takes a token away; true when it was there and had not expired (so a link works once).
    pub async fn take_token(&self, _sha256: &[u8; 32], _kind: TokenKind, _now: Timestamp) -> StoreResult<bool> { unimplemented!() }
}
