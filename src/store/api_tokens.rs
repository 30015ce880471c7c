//! API tokens, by the SHA-256 of their text. Revoked ones stay, so that the audit log's names can
//! be looked up.

use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, on_writer, unreadable};
use crate::access::{ApiTokenId, ApiTokenName, Scope};
use crate::clock::Timestamp;

/// A token without its text, which nobody knows but its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its number.
    pub id: ApiTokenId,
    /// Its name.
    pub name: String,
    /// How much it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of whoever made it.
    pub created_by: String,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiToken {
    /// Whether it lets its holder in.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewApiToken<'a> {
    /// Its name; no other good one may have it, whatever the case.
    pub name: &'a ApiTokenName,
    /// How much it may do.
    pub scope: Scope,
    /// Of its text.
    pub sha256: [u8; 32],
    /// The name of whoever makes it.
    pub created_by: &'a str,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    scope: String,
    created_at: At,
    created_by: String,
    expires_at: Option<At>,
    revoked_at: Option<At>,
    last_used_at: Option<At>,
}

impl TryFrom<Row> for ApiToken {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ApiTokenId(row.id),
            name: row.name,
            scope: row.scope.parse().map_err(|e| unreadable("scope", e))?,
            created_at: row.created_at.0,
            created_by: row.created_by,
            expires_at: row.expires_at.map(|at| at.0),
            revoked_at: row.revoked_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
        })
    }
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, name, scope, created_at, created_by, expires_at, revoked_at, last_used_at",
            $after
        )
    };
}

const ADD: &str = columns!(
    "INSERT INTO api_tokens (name, scope, token_sha256, created_at, created_by, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING ",
    ""
);
const LIST: &str = columns!(
    "SELECT ",
    " FROM api_tokens ORDER BY CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, id DESC LIMIT $1"
);
const FIND: &str = columns!("SELECT ", " FROM api_tokens WHERE token_sha256 = $1");
const REVOKE: &str = columns!(
    "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING ",
    ""
);
const USED: &str = "UPDATE api_tokens SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)";

/// Tokens that a listing holds.
const MOST: i64 = 1000;

impl Store {
    /// Keeps a token; `None` when a good one of that name is there already.
    pub async fn add_api_token(
        &self,
        new: &NewApiToken<'_>,
        now: Timestamp,
    ) -> StoreResult<Option<ApiToken>> {
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(ADD)
            .bind(new.name.as_str())
            .bind(new.scope.as_str())
            .bind(new.sha256.to_vec())
            .bind(At(now))
            .bind(new.created_by)
            .bind(new.expires_at.map(At))
            .fetch_optional(pool)
            .await?);
        row.map(ApiToken::try_from).transpose()
    }

    /// Up to a thousand of them, newest first, revoked ones last.
    pub async fn api_tokens(&self) -> StoreResult<Vec<ApiToken>> {
        let rows: Vec<Row> =
            on_reader!(self, pool => sqlx::query_as(LIST).bind(MOST).fetch_all(pool).await?);
        rows.into_iter().map(ApiToken::try_from).collect()
    }

    /// The one with that hash, good or not.
    pub async fn find_api_token(&self, sha256: &[u8; 32]) -> StoreResult<Option<ApiToken>> {
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(FIND)
            .bind(sha256.to_vec()).fetch_optional(pool).await?);
        row.map(ApiToken::try_from).transpose()
    }

    /// Makes a token good for nothing, and its sessions with it; `None` when there is none of
    /// that number, or it was revoked before.
    pub async fn revoke_api_token(
        &self,
        id: ApiTokenId,
        now: Timestamp,
    ) -> StoreResult<Option<ApiToken>> {
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(REVOKE)
            .bind(id.0).bind(At(now)).fetch_optional(pool).await?);
        row.map(ApiToken::try_from).transpose()
    }

    /// Says that a token was used, unless that was said within the minute before.
    pub async fn api_token_used(&self, id: ApiTokenId, now: Timestamp) -> StoreResult<()> {
        let before = now - chrono::TimeDelta::minutes(1);
        on_writer!(self, pool => sqlx::query(USED)
            .bind(id.0).bind(At(now)).bind(At(before)).execute(pool).await.map(drop)?);
        Ok(())
    }
}
