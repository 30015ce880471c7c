//! Browser sessions and one-time sign-in links, by the SHA-256 of their token.

use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens pages until it expires.
    Session,
    /// Makes one session, once.
    SignInLink,
}

impl TokenKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::SignInLink => "sign_in_link",
        }
    }
}

impl Store {
    /// Keeps a token's hash until it expires, and forgets those that have.
    pub async fn put_token(
        &self,
        sha256: &[u8; 32],
        kind: TokenKind,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        const FORGET: &str = "DELETE FROM sessions WHERE expires_at <= $1";
        const PUT: &str = "INSERT INTO sessions (token_sha256, kind, created_at, expires_at) VALUES ($1, $2, $3, $4)";
        on_writer!(self, pool => {
            sqlx::query(FORGET).bind(At(now)).execute(pool).await?;
            sqlx::query(PUT).bind(sha256.to_vec()).bind(kind.as_str()).bind(At(now)).bind(At(expires_at))
                .execute(pool).await?;
        });
        Ok(())
    }

    /// Whether a session is good at `now`.
    pub async fn session_is_open(&self, sha256: &[u8; 32], now: Timestamp) -> StoreResult<bool> {
        const OPEN: &str = "SELECT 1 FROM sessions WHERE token_sha256 = $1 AND kind = 'session' AND expires_at > $2";
        Ok(on_reader!(self, pool => sqlx::query(OPEN).bind(sha256.to_vec()).bind(At(now))
            .fetch_optional(pool).await?.is_some()))
    }

    /// Takes a token away; true when it was there and had not expired (so a link works once).
    pub async fn take_token(
        &self,
        sha256: &[u8; 32],
        kind: TokenKind,
        now: Timestamp,
    ) -> StoreResult<bool> {
        const TAKE: &str =
            "DELETE FROM sessions WHERE token_sha256 = $1 AND kind = $2 AND expires_at > $3";
        let taken = on_writer!(self, pool => sqlx::query(TAKE).bind(sha256.to_vec()).bind(kind.as_str()).bind(At(now))
            .execute(pool).await?.rows_affected());
        Ok(taken == 1)
    }
}
