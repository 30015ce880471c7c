//! How far both sides of a repository agree, and which items do not.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::Address;
use super::parameters::Parameters;
use super::repositories::{named, not_configured};
use crate::clock::Timestamp;
use crate::drift::{self, DriftItem};
use crate::web::error::{Problem, ProblemBody};
use crate::web::state::WebState;

/// Items that are told.
const MOST_ITEMS: i64 = 1000;

/// How far both sides agree.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Ledger {
    /// `owner/name`.
    repository: String,
    /// The share of the items that is in sync, 0 to 1; null while nobody has looked.
    #[schema(required)]
    in_sync: Option<f64>,
    /// Items on both sides that were compared.
    compared: u64,
    /// Of those, items that differ.
    differing: u64,
    /// When that was found out.
    #[schema(required, value_type = Option<String>)]
    proven_at: Option<Timestamp>,
    /// When all of both sides was last compared, not only what had changed.
    #[schema(required, value_type = Option<String>)]
    compared_all_at: Option<Timestamp>,
    /// Whether its issues are switched off at GitHub, so that pull requests alone were compared.
    issues_off: bool,
    /// Why the last comparison did not come to its end.
    #[schema(required)]
    last_error: Option<String>,
}

impl From<drift::Ledger> for Ledger {
    fn from(ledger: drift::Ledger) -> Self {
        Self {
            in_sync: ledger.proven_at.map(|_| ledger.share().ratio()),
            repository: ledger.repository,
            compared: ledger.compared,
            differing: ledger.differing,
            proven_at: ledger.proven_at,
            compared_all_at: ledger.full_at,
            issues_off: ledger.issues_off,
            last_error: ledger.last_error,
        }
    }
}

/// The ledger of one repository.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Drift {
    #[serde(flatten)]
    ledger: Ledger,
    /// What differs, the longest first; at most 1000.
    items: Vec<DifferingItem>,
}

/// An item that is not in sync.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DifferingItem {
    /// Which.
    work_item_ref: String,
    /// What people call it, where that is known.
    #[schema(required)]
    key: Option<String>,
    /// Why, one line each.
    reasons: Vec<String>,
    /// Whether what was put into the inbox is to mend it; otherwise it waits for a person.
    being_mended: bool,
    /// Since when it is known to differ.
    #[schema(value_type = String)]
    since: Timestamp,
}

impl From<DriftItem> for DifferingItem {
    fn from(item: DriftItem) -> Self {
        Self {
            being_mended: item.is_mendable(),
            reasons: item.reasons.iter().map(ToString::to_string).collect(),
            work_item_ref: item.item.to_string(),
            key: item.key,
            since: item.since,
        }
    }
}

/// How far both sides of a repository agree, and which items do not.
#[utoipa::path(
    get,
    path = "/api/v1/repositories/{owner}/{name}/drift",
    tag = "repositories",
    operation_id = "showDrift",
    params(("owner" = String, Path, description = "Its owner."), ("name" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "As it was last found out.", body = Drift),
        (status = 404, description = "It is not configured.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn show(
    State(state): State<WebState>,
    Address((owner, name)): Address<(String, String)>,
    uri: Uri,
) -> Result<Json<Drift>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let name = named(&owner, &name)?;
    let found = state.store.find_repository(&name, None).await?;
    let repository = found.ok_or_else(not_configured)?;
    let ledgers = state.store.drift_ledgers().await?;
    let standing = ledgers.into_iter().find(|l| l.repository == repository.id);
    let ledger = standing.ok_or_else(not_configured)?.ledger.into();
    let items = state.store.drift_items(repository.id, MOST_ITEMS).await?;
    Ok(Json(Drift { ledger, items: items.into_iter().map(DifferingItem::from).collect() }))
}
