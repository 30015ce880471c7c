//! Reading the body of a request that changes something: small, and soon.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use tokio::time::timeout;

use crate::web::error::{Problem, ProblemKind};

const LONGEST: usize = 64 * 1024;
const LIMIT: Duration = Duration::from_secs(10);

/// The whole body.
pub(super) async fn read_body(body: Body) -> Result<Vec<u8>, Problem> {
    let too_late = || Problem::new(ProblemKind::Timeout, "Send the body again.");
    let too_large = || Problem::new(ProblemKind::TooLarge, "A body is at most 64 KiB here.");
    let body = timeout(LIMIT, to_bytes(body, LONGEST)).await.map_err(|_| too_late())?;
    Ok(body.map_err(|_| too_large())?.to_vec())
}
