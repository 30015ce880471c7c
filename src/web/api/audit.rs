//! The audit log, listed.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::parameters::{MOST_LIMIT, Parameters, USUAL_LIMIT};
use super::{Page, cursor, page_of};
use crate::access::Scope;
use crate::clock::Timestamp;
use crate::store::audit::{AuditFilter, AuditId, AuditRow};
use crate::web::error::{Problem, ProblemBody};
use crate::web::state::WebState;

/// One deed, or one that was tried.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(in crate::web) struct AuditBody {
    /// Its number; later ones are larger.
    id: i64,
    /// When it ended.
    #[schema(value_type = String)]
    at: Timestamp,
    /// Who: a token’s name, `admin`, or the system’s user; empty for nobody.
    actor: String,
    /// How they came in: `admin-token`, `api-token`, `session`, `cli` or `nobody`.
    actor_kind: &'static str,
    /// How much they may do; null for nobody.
    #[schema(required)]
    scope: Option<&'static str>,
    /// What, such as `replay a delivery`.
    action: String,
    /// Which one; may be empty.
    target: String,
    /// The method and the address with its `{parts}`, or the command.
    route: String,
    /// The address that the request came from; empty for a command.
    address: String,
    /// `done`, `refused` or `failed`.
    outcome: &'static str,
    /// The HTTP status, where there was one.
    #[schema(required)]
    status: Option<u16>,
}

impl From<AuditRow> for AuditBody {
    fn from(row: AuditRow) -> Self {
        let entry = row.entry;
        Self {
            id: row.id.0,
            at: entry.at,
            actor: entry.actor,
            actor_kind: entry.kind.as_str(),
            scope: entry.scope.map(Scope::as_str),
            action: entry.action,
            target: entry.target,
            route: entry.route,
            address: entry.address,
            outcome: entry.outcome.as_str(),
            status: entry.status,
        }
    }
}

/// What [`list`] takes; for the documentation.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters, which are read by name")]
pub(in crate::web) struct AuditParameters {
    /// Who, by the exact name.
    actor: Option<String>,
    /// What, by the exact words.
    action: Option<String>,
    /// `done`, `refused` or `failed`.
    outcome: Option<String>,
    /// Then or later, RFC 3339.
    since: Option<String>,
    /// Before then, RFC 3339.
    until: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, 1 to 200; 50 if not given.
    limit: Option<u32>,
}

/// Who changed what, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "access",
    operation_id = "listAudit",
    description = "Entries are kept for 400 days.",
    params(AuditParameters),
    responses(
        (status = 200, description = "One page.", body = Page<AuditBody>),
        (status = 400, description = "A parameter is not known or can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Page<AuditBody>>, Problem> {
    let mut given = Parameters::parse(uri.query())?;
    let filter = AuditFilter {
        actor: given.text("actor")?,
        action: given.text("action")?,
        outcome: given.word("outcome")?,
        since: given.time("since")?,
        until: given.time("until")?,
    };
    let before = match given.cursor()? {
        Some((_, id)) => Some(AuditId(id.parse().map_err(|_| {
            Problem::bad_parameter("cursor", "expected the next_cursor of the page before")
        })?)),
        None => None,
    };
    let limit = given.limit(USUAL_LIMIT, MOST_LIMIT)?;
    given.finish("actor, action, outcome, since, until, cursor, limit")?;
    let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = state.store.audit_log(&filter, before, one_more).await?;
    let cursor = |row: &AuditRow| cursor::encode(row.entry.at, &row.id.0.to_string());
    Ok(Json(page_of(rows, limit, cursor, AuditBody::from)))
}
