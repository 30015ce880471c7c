//! The other systems and who waits for them, as the health figures tell programs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::health::remotes::reason;
use crate::health::{Limited, RemoteNow, WaitingClass};
use crate::quota::{Circuit, Class, Held};

/// Another system at this moment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Remote)]
pub(in crate::web) struct RemoteBody {
    /// `plane` or `github`.
    client: &'static str,
    /// `closed`: it is asked. `open`: it does not answer and is not. `half-open`: one question finds out.
    circuit: &'static str,
    /// Since when; null while it never was otherwise.
    #[schema(required, value_type = Option<String>)]
    since: Option<Timestamp>,
    /// Which of `[[github.hosts]]`; null for the others.
    #[schema(required)]
    server: Option<String>,
    /// When it is tried again, while it is not asked.
    #[schema(required, value_type = Option<String>)]
    next_try: Option<Timestamp>,
    /// What the last request without an answer came to.
    #[schema(required)]
    last_error: Option<String>,
    /// What to do about it, while it is not asked.
    #[schema(required)]
    remedy: Option<&'static str>,
    /// Requests that are left; null where there is no limit.
    #[schema(required)]
    left: Option<u32>,
    /// Requests of a whole window, where that was said.
    #[schema(required)]
    limit: Option<u32>,
    /// When the window ends, where that was said.
    #[schema(required, value_type = Option<String>)]
    resets_at: Option<Timestamp>,
    /// The classes whose jobs may not begin now.
    held: Vec<HeldBody>,
    /// As of when.
    #[schema(value_type = String)]
    updated_at: Timestamp,
}

/// A class that has to wait.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldClass)]
pub(in crate::web) struct HeldBody {
    /// `live`, `replay`, `reconcile` or `backfill`.
    class: &'static str,
    /// Until then, as far as is known.
    #[schema(value_type = String)]
    until: Timestamp,
    /// For what.
    reason: String,
}

/// Jobs of one class that wait for other systems.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitingClass)]
pub(in crate::web) struct WaitingBody {
    /// `live`, `replay`, `reconcile` or `backfill`.
    class: &'static str,
    /// How many jobs.
    jobs: i64,
    /// Of those the ones that are due.
    due: i64,
    /// When the next of them is due.
    #[schema(value_type = String)]
    next: Timestamp,
    /// Until when none of them may begin; null where they may.
    #[schema(required, value_type = Option<String>)]
    held_until: Option<Timestamp>,
    /// For what.
    #[schema(required)]
    reason: Option<String>,
}

/// A repository whose next turn is held back by its own limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitedRepository)]
pub(in crate::web) struct LimitedBody {
    /// `owner/name`.
    repository: String,
    /// Its jobs that wait.
    jobs: i64,
    /// Until when none of them begins.
    #[schema(value_type = String)]
    until: Timestamp,
}

impl From<Limited> for LimitedBody {
    fn from(Limited { repository, jobs, until }: Limited) -> Self {
        Self { repository, jobs, until }
    }
}

pub(super) fn remote(remote: RemoteNow) -> RemoteBody {
    let client = remote.remote;
    let held = |(class, held): (Class, Held)| HeldBody {
        class: class.as_str(),
        until: held.until,
        reason: reason(client, held.why),
    };
    RemoteBody {
        client: client.as_str(),
        server: remote.server,
        circuit: remote.breaker.circuit.as_str(),
        since: remote.breaker.since,
        next_try: match remote.breaker.circuit {
            Circuit::Closed => None,
            Circuit::Open { until } | Circuit::HalfOpen { until } => Some(until),
        },
        last_error: remote.breaker.last_error,
        remedy: remote.remedy,
        left: remote.left,
        limit: remote.most,
        resets_at: remote.resets_at,
        held: remote.held.into_iter().map(held).collect(),
        updated_at: remote.updated_at,
    }
}

pub(super) fn waiting(waiting: &WaitingClass) -> WaitingBody {
    WaitingBody {
        class: waiting.class.as_str(),
        jobs: waiting.jobs,
        due: waiting.due,
        next: waiting.next,
        held_until: waiting.held.map(|(_, held)| held.until),
        reason: waiting.held.map(|(remote, held)| reason(remote, held.why)),
    }
}
