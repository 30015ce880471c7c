//! Browser sessions and one-time sign-in links, by the SHA-256 of their token.
//!
//! A session knows who signed in and how much they may do. One that an API token opened is good
//! for as long as that token is.

use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, on_writer, unreadable};
use crate::access::{ApiTokenId, Scope};
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

/// Who opens a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// `admin`, or the API token's name.
    pub name: String,
    /// How much they may do.
    pub scope: Scope,
    /// The API token that they signed in with.
    pub api_token: Option<ApiTokenId>,
    /// The address that they signed in from.
    pub address: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Of its token.
    pub sha256: [u8; 32],
    /// `admin`, or the API token's name.
    pub name: String,
    /// How much it may do.
    pub scope: Scope,
    /// The address that it was opened from.
    pub address: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

impl Session {
    /// Names it on pages: part of the hash, which leads back to no token.
    pub fn handle(&self) -> String {
        hex::encode(&self.sha256[..8])
    }
}

#[derive(FromRow)]
struct Row {
    token_sha256: Vec<u8>,
    name: String,
    scope: String,
    address: String,
    created_at: At,
    expires_at: At,
}

impl TryFrom<Row> for Session {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            sha256: row.token_sha256.try_into().map_err(|_| unreadable("session", "no hash"))?,
            name: row.name,
            scope: row.scope.parse().map_err(|e| unreadable("scope", e))?,
            address: row.address,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}

macro_rules! open_sessions {
    ($and:literal) => {
        concat!(
            "SELECT token_sha256, name, scope, address, created_at, expires_at FROM sessions
             WHERE kind = 'session' AND expires_at > $1
               AND (api_token IS NULL OR EXISTS (SELECT 1 FROM api_tokens t WHERE t.id = sessions.api_token
                 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $1)))",
            $and
        )
    };
}

/// Sessions that a listing holds.
const MOST: i64 = 500;

impl Store {
    /// Keeps a token's hash until it expires, and forgets those that have. A session that is kept
    /// so is the admin's.
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

    /// Opens a session, and forgets what has expired.
    pub async fn open_session(
        &self,
        sha256: &[u8; 32],
        new: &NewSession,
        now: Timestamp,
    ) -> StoreResult<()> {
        const FORGET: &str = "DELETE FROM sessions WHERE expires_at <= $1";
        const OPEN: &str = "INSERT INTO sessions
            (token_sha256, kind, created_at, expires_at, name, scope, api_token, address)
            VALUES ($1, 'session', $2, $3, $4, $5, $6, $7)";
        on_writer!(self, pool => {
            sqlx::query(FORGET).bind(At(now)).execute(pool).await?;
            sqlx::query(OPEN)
                .bind(sha256.to_vec())
                .bind(At(now))
                .bind(At(new.expires_at))
                .bind(new.name.as_str())
                .bind(new.scope.as_str())
                .bind(new.api_token.map(|id| id.0))
                .bind(new.address.as_str())
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// The session with that hash, if it is good at `now`.
    pub async fn session(&self, sha256: &[u8; 32], now: Timestamp) -> StoreResult<Option<Session>> {
        const ONE: &str = open_sessions!(" AND token_sha256 = $2");
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(ONE)
            .bind(At(now)).bind(sha256.to_vec()).fetch_optional(pool).await?);
        row.map(Session::try_from).transpose()
    }

    /// Those that are good at `now`, newest first; of one name, where one is given.
    pub async fn sessions(&self, name: Option<&str>, now: Timestamp) -> StoreResult<Vec<Session>> {
        const ALL: &str = open_sessions!(
            " AND (CAST($2 AS text) IS NULL OR name = $2)
             ORDER BY created_at DESC, token_sha256 LIMIT $3"
        );
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(ALL)
            .bind(At(now)).bind(name).bind(MOST).fetch_all(pool).await?);
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Ends all sessions of a name, and says how many there were.
    pub async fn end_sessions_of(&self, name: &str) -> StoreResult<u64> {
        const END: &str = "DELETE FROM sessions WHERE kind = 'session' AND name = $1";
        Ok(
            on_writer!(self, pool => sqlx::query(END).bind(name).execute(pool).await?.rows_affected()),
        )
    }

    /// Whether a token is there and has not expired.
    pub async fn has_token(
        &self,
        sha256: &[u8; 32],
        kind: TokenKind,
        now: Timestamp,
    ) -> StoreResult<bool> {
        const HAS: &str = "SELECT CAST(COUNT(*) AS bigint) FROM sessions
            WHERE token_sha256 = $1 AND kind = $2 AND expires_at > $3";
        let found: i64 = on_reader!(self, pool => sqlx::query_scalar(HAS).bind(sha256.to_vec())
            .bind(kind.as_str()).bind(At(now)).fetch_one(pool).await?);
        Ok(found > 0)
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
