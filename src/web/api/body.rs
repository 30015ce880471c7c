//! Reading the body of a request that changes something: small, and soon.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::web::error::{Problem, ProblemKind};

const LONGEST: usize = 64 * 1024;
const LIMIT: Duration = Duration::from_secs(10);

/// The whole body.
pub(in crate::web) async fn read_body(body: Body) -> Result<Vec<u8>, Problem> {
    let too_late = || Problem::new(ProblemKind::Timeout, "Send the body again.");
    let too_large = || Problem::new(ProblemKind::TooLarge, "A body is at most 64 KiB here.");
    let body = timeout(LIMIT, to_bytes(body, LONGEST)).await.map_err(|_| too_late())?;
    Ok(body.map_err(|_| too_large())?.to_vec())
}

/// The body as the JSON object that an endpoint takes.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let wrong = |what: String| {
        let detail = format!("The body is not what /api/docs asks for: {what}.");
        Problem::new(ProblemKind::BadRequest, detail)
    };
    // serde takes an array for an object, too, its entries in the order of our fields.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(wrong("expected a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))
}
