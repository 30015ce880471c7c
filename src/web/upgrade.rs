//! Layer: while the database's tables are being brought up to date, whoever asks for what lies in
//! them waits, and is told so when it takes longer than people like to wait.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::error::{Problem, ProblemKind};
use crate::store::Store;

/// Making the tables of an empty database takes a tenth of this.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn wait_for_tables(
    State(store): State<Store>,
    request: Request,
    next: Next,
) -> Response {
    let mut upgrading = store.upgrading();
    if timeout(PATIENCE, upgrading.wait_for(|upgrading| !upgrading)).await.is_ok() {
        return next.run(request).await;
    }
    let detail = "Its tables are being brought up to this version of Jetbridge. Webhooks are accepted \
        meanwhile; try again in a minute, and look at the log if it lasts.";
    Problem::new(ProblemKind::StoreUnavailable, detail).into_response()
}
