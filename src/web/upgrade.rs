//! Layer: while the database's tables are not ready, whoever asks for what lies in them waits, and is
//! told why when that takes longer than people like to wait.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::error::{Problem, ProblemKind};
use crate::store::{Store, Tables};

/// Making the tables of an empty database takes a tenth of this.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn wait_for_tables(
    State(store): State<Store>,
    request: Request,
    next: Next,
) -> Response {
    if timeout(PATIENCE, store.tables_are_ready()).await.is_ok() {
        return next.run(request).await;
    }
    let why = match store.tables() {
        Tables::BeingMade => "Its tables are being brought up to this version of Jetbridge.",
        Tables::Unknown | Tables::Ready => "Nothing can be read or changed at the moment.",
    };
    let detail = format!(
        "{why} Webhooks are accepted meanwhile. Try again in some seconds; if it lasts, run jetbridge \
         doctor on the server."
    );
    Problem::new(ProblemKind::StoreUnavailable, detail).into_response()
}
