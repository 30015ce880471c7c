//! Reading bodies without being drowned in them: a request waits for room before its body is
//! read, in one of two budgets, so that a few large and slow ones can't hold up the many small.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Refused;
use crate::metrics::Metrics;

/// Bodies up to this share the small budget.
const SMALL_BODY: usize = 1024 * 1024;
/// Bytes of small bodies in flight.
const SMALL_BUDGET: usize = 16 * 1024 * 1024;

/// What a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body, bytes.
    pub max_body: usize,
    /// How long a request waits for its turn.
    pub patience: Duration,
    /// How long a body may take once it is being read.
    pub body: Duration,
    /// From the head to the answer, all waits included: less than the sender waits for it.
    pub answer: Duration,
}

impl Limits {
    /// Plane hangs up after 30 s.
    pub fn for_plane(max_body: usize) -> Self {
        Self {
            max_body,
            patience: Duration::from_secs(15),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(29),
        }
    }

    /// GitHub hangs up after 10 s.
    pub fn for_github(max_body: usize) -> Self {
        Self {
            max_body,
            patience: Duration::from_secs(4),
            body: Duration::from_secs(3),
            answer: Duration::from_secs(9),
        }
    }
}

/// Room for bytes of bodies, counted in KiB.
#[derive(Debug)]
pub(super) struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Budget {
    /// Large bodies come one at a time.
    pub(super) fn new(max_body: usize) -> Self {
        let small = Arc::new(Semaphore::new(kib(SMALL_BUDGET) as usize));
        Self { small, large: Arc::new(Semaphore::new(kib(max_body) as usize)) }
    }

    async fn reserve(&self, bytes: usize) -> OwnedSemaphorePermit {
        let side = if bytes <= SMALL_BODY { &self.small } else { &self.large };
        let acquired = Arc::clone(side).acquire_many_owned(kib(bytes)).await;
        acquired.unwrap_or_else(|_| unreachable!("the budget is never closed"))
    }

    /// Reads a body of at most `limits.max_body` bytes, after waiting for room.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limits: Limits,
        metrics: &Arc<Metrics>,
    ) -> Result<(Bytes, InFlight), Refused> {
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        let most = declared.unwrap_or(limits.max_body);
        if most > limits.max_body {
            return Err(Refused::TooLarge { max_body: limits.max_body });
        }
        let permit =
            timeout(limits.patience, self.reserve(most)).await.map_err(|_| Refused::Overloaded)?;
        let in_flight = InFlight::new(permit, most, metrics);
        let read = timeout(limits.body, Limited::new(body, limits.max_body).collect());
        match read.await {
            Ok(Ok(collected)) => Ok((collected.to_bytes(), in_flight)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Refused::TooLarge { max_body: limits.max_body })
            }
            Ok(Err(_)) => Err(Refused::CutOff),
            Err(_) => Err(Refused::TooSlow),
        }
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Bytes reserved until this is dropped.
pub(super) struct InFlight {
    _permit: OwnedSemaphorePermit,
    bytes: i64,
    metrics: Arc<Metrics>,
}

impl InFlight {
    fn new(permit: OwnedSemaphorePermit, bytes: usize, metrics: &Arc<Metrics>) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        metrics.bytes_in_flight.inc_by(bytes);
        Self { _permit: permit, bytes, metrics: Arc::clone(metrics) }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.bytes_in_flight.dec_by(self.bytes);
    }
}
