//! How it goes over a range of time: the figures of the health page, for programs.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::drift::Ledger;
use super::parameters::Parameters;
use super::remotes::{self, LimitedBody, RemoteBody, WaitingBody};
use crate::canary::Canary;
use crate::clock::Timestamp;
use crate::figures::Ended;
use crate::health::{self, Ends, Range, Stream};
use crate::store::alarms::RaisedAlarm;
use crate::store::duties::Process;
use crate::store::quotas::QuotaNow;
use crate::store::recovery::RecoverPlace;
use crate::web::error::Problem;
use crate::web::state::WebState;

/// How it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Health {
    /// `1h`, `24h`, `7d` or `30d`.
    range: &'static str,
    /// As of when.
    #[schema(value_type = String)]
    at: Timestamp,
    /// What is wrong at present.
    alarms: Vec<AlarmBody>,
    /// The range, cut into slots, the oldest first.
    slots: Vec<SlotBody>,
    /// Each source.
    sources: Vec<StreamBody>,
    /// Each configured repository, those with trouble first.
    repositories: Vec<StreamBody>,
    /// Each of Plane’s projects from which something came.
    plane_projects: Vec<StreamBody>,
    /// How far both sides of each repository agree, as was last found out.
    drift: Vec<Ledger>,
    /// What other systems last said of their limits.
    quotas: Vec<QuotaBody>,
    /// Webhooks that GitHub sent and that never arrived.
    recovery: RecoveryBody,
    /// What is known of the canary; null where it was not touched within a week.
    #[schema(required)]
    canary: Option<CanaryBody>,
    /// The other systems, and whether they are asked.
    remotes: Vec<RemoteBody>,
    /// Jobs that wait for other systems, by class.
    waiting: Vec<WaitingBody>,
    /// The repositories that their own limits hold back.
    limited: Vec<LimitedBody>,
    /// The processes that run.
    processes: Vec<ProcessBody>,
    /// The database’s size.
    database_bytes: i64,
    /// Events by kind, the most frequent first.
    events: Vec<EventBody>,
    /// Created to completed, and open work by age.
    flow: Vec<FlowBody>,
}

/// Something that somebody should look at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alarm)]
pub(in crate::web) struct AlarmBody {
    /// `dead_jobs`, `failure_rate`, `queue_stuck`, `remote_away`, `plane_webhook_off`, `webhooks_lost`, `silence` or `quota_used_up`.
    kind: String,
    /// What it is about.
    subject: String,
    /// What is wrong.
    title: String,
    /// More of it.
    detail: String,
    /// The line to paste.
    remedy: String,
    /// Since when.
    #[schema(value_type = String)]
    since: Timestamp,
}

/// Whether Plane’s webhooks follow on the changes of an item that is there for nothing else.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Canary)]
pub(in crate::web) struct CanaryBody {
    /// When it was last touched.
    #[schema(required, value_type = Option<String>)]
    touched_at: Option<Timestamp>,
    /// Seconds until a webhook followed; null while none has.
    #[schema(required)]
    webhook_seconds: Option<f64>,
    /// Since when none follows; null while that is not certain.
    #[schema(required, value_type = Option<String>)]
    missing_since: Option<Timestamp>,
}

/// How deliveries ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ends)]
pub(in crate::web) struct EndsBody {
    /// Worked off at the first attempt.
    done: u64,
    /// Nothing was to be done.
    ignored: u64,
    /// Worked off after a retry.
    retried: u64,
    /// Failed for good.
    failed: u64,
    /// Milliseconds from receipt to the end of work; null where none ended well.
    #[schema(required)]
    lag_p50_ms: Option<f64>,
    /// The same of 95 in 100.
    #[schema(required)]
    lag_p95_ms: Option<f64>,
    /// The same of 99 in 100.
    #[schema(required)]
    lag_p99_ms: Option<f64>,
}

/// One part of the range.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthSlot)]
pub(in crate::web) struct SlotBody {
    /// When it begins.
    #[schema(value_type = String)]
    start: Timestamp,
    /// What ended in it.
    ends: EndsBody,
    /// The most jobs that waited; null where nobody looked.
    #[schema(required)]
    waiting: Option<i64>,
    /// Seconds that the oldest of them had been due.
    #[schema(required)]
    oldest_seconds: Option<f64>,
}

/// Where deliveries come from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthStream)]
pub(in crate::web) struct StreamBody {
    /// `plane` or `github`.
    source: String,
    /// `owner/name`, or Plane’s project; empty for a whole source.
    place: String,
    /// When something last came.
    #[schema(required, value_type = Option<String>)]
    last_seen: Option<Timestamp>,
    /// What ended within the range.
    ends: EndsBody,
    /// The share that did not fail, 0 to 1; null while nothing ended.
    #[schema(required)]
    success: Option<f64>,
    /// Jobs that wait.
    queued: i64,
    /// Jobs that failed and wait for another attempt.
    retrying: i64,
    /// Jobs that failed for good.
    dead: i64,
    /// When the oldest waiting job became due.
    #[schema(required, value_type = Option<String>)]
    oldest_due: Option<Timestamp>,
    /// What the newest failed delivery died of.
    #[schema(required)]
    last_error: Option<String>,
    /// How its linked issues stand.
    links: LinksBody,
}

/// How linked issues stand, as the sync last wrote it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Links)]
pub(in crate::web) struct LinksBody {
    /// In step when they were last looked at.
    in_sync: i64,
    /// To be brought in step.
    pending: i64,
    /// Changed on both sides.
    conflict: i64,
    /// Can’t be kept in step.
    broken: i64,
}

/// What another system said of its limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quota)]
pub(in crate::web) struct QuotaBody {
    /// `plane` or `github`.
    client: String,
    /// Requests that are left.
    #[schema(required)]
    remaining: Option<i64>,
    /// Requests of a whole window.
    #[schema(required)]
    limit: Option<i64>,
    /// When the window ends.
    #[schema(required, value_type = Option<String>)]
    resets_at: Option<Timestamp>,
    /// Whether nothing may be asked until then.
    used_up: bool,
    /// Minutes of the last hour in which it was used up.
    minutes_used_up: i64,
    /// When it was said.
    #[schema(value_type = String)]
    seen_at: Timestamp,
}

/// A process that runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Process)]
pub(in crate::web) struct ProcessBody {
    /// `all`, `receiver` or `worker`.
    role: String,
    /// Its version.
    version: String,
    /// Since when.
    #[schema(value_type = String)]
    started_at: Timestamp,
    /// Batches that it may work on at once.
    workers: u64,
    /// Batches that it works on.
    busy: i64,
    /// Milliseconds in which 99 of 100 deliveries of the last minutes were accepted.
    #[schema(required)]
    accepted_p99_ms: Option<f64>,
    /// Requests refused since it started.
    refused: u64,
}

/// Webhooks that GitHub sent and that never arrived.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recovery)]
pub(in crate::web) struct RecoveryBody {
    /// When it was last looked; null where it never was.
    #[schema(required, value_type = Option<String>)]
    looked_at: Option<Timestamp>,
    /// Deliveries that were asked for and have not come yet.
    waiting: u64,
    /// Those that came, of the last seven days.
    came: u64,
    /// Those that did not come however often they were asked for, of the last seven days.
    given_up: u64,
    /// Those that GitHub no longer sends, of the last seven days.
    expired: u64,
    /// Each repository that was looked at.
    repositories: Vec<RecoverPlaceBody>,
}

/// What GitHub sent of one repository in vain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecoveryOfRepository)]
pub(in crate::web) struct RecoverPlaceBody {
    /// `owner/name`.
    repository: String,
    /// When it was last looked.
    #[schema(value_type = String)]
    looked_at: Timestamp,
    /// Everything that GitHub sent before is known or asked for; null where that was never so.
    #[schema(required, value_type = Option<String>)]
    covered_until: Option<Timestamp>,
    /// What the last look found missing.
    missing: u64,
    /// What it asked for.
    asked: u64,
    /// A time of which GitHub no longer tells what it sent; null where there is none.
    #[schema(required, value_type = Option<String>)]
    gap_from: Option<Timestamp>,
    /// Its end.
    #[schema(required, value_type = Option<String>)]
    gap_until: Option<Timestamp>,
    /// Why it could not be looked, or asked, and what to do.
    #[schema(required)]
    problem: Option<String>,
}

/// Events of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventCount)]
pub(in crate::web) struct EventBody {
    /// Who sent them.
    source: String,
    /// The sender’s word for what happened.
    event: String,
    /// How they ended.
    ends: EndsBody,
}

/// How work flows through a project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub(in crate::web) struct FlowBody {
    /// `owner/name`, or the id of Plane’s project.
    project: String,
    /// Items completed within the range.
    completed: usize,
    /// Seconds from creation to completion of half of them.
    #[schema(required)]
    cycle_p50_seconds: Option<f64>,
    /// The same of 9 in 10.
    #[schema(required)]
    cycle_p90_seconds: Option<f64>,
    /// Open items younger than 1 day, 7 days, 28 days, and older.
    open_by_age: [i64; 4],
}

/// How it goes over a range of time.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    tag = "figures",
    operation_id = "showHealth",
    params(("range" = Option<String>, Query, description = "`1h`, `24h` (if not given), `7d` or `30d`")),
    responses((status = 200, description = "The figures as of now.", body = Health))
)]
pub(in crate::web) async fn show(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Health>, Problem> {
    let mut parameters = Parameters::parse(uri.query())?;
    let range: Option<Range> = parameters.word("range")?;
    parameters.finish("range")?;
    let now = state.clock.now();
    let health = health::read(&state.store, range.unwrap_or_default(), now).await?;
    Ok(Json(body(health)))
}

fn body(health: health::Health) -> Health {
    let event =
        |e: health::EventCount| EventBody { source: e.source, event: e.event, ends: ends(&e.ends) };
    Health {
        range: health.range.as_str(),
        at: health.now,
        alarms: health.alarms.into_iter().map(alarm).collect(),
        slots: health.slots.into_iter().map(slot).collect(),
        sources: health.sources.into_iter().map(stream).collect(),
        repositories: health.repositories.into_iter().map(stream).collect(),
        plane_projects: health.projects.into_iter().map(stream).collect(),
        drift: health.drift.into_iter().map(|drift| drift.ledger.into()).collect(),
        quotas: health.quotas.into_iter().map(quota).collect(),
        recovery: recovery(&health.recovery),
        canary: health.canary.as_ref().map(canary),
        remotes: health.remotes.into_iter().map(remotes::remote).collect(),
        waiting: health.waiting.iter().map(remotes::waiting).collect(),
        limited: health.limited.into_iter().map(Into::into).collect(),
        processes: health.processes.into_iter().map(process).collect(),
        database_bytes: health.database_bytes,
        events: health.events.into_iter().map(event).collect(),
        flow: health.flows.into_iter().map(flow).collect(),
    }
}

fn alarm(alarm: RaisedAlarm) -> AlarmBody {
    let RaisedAlarm { kind, subject, title, detail, remedy, raised_at } = alarm;
    AlarmBody { kind, subject, title, detail, remedy, since: raised_at }
}

fn ends(ends: &Ends) -> EndsBody {
    let lag = |per_cent| {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        ends.lags.percentile(per_cent).map(millis)
    };
    EndsBody {
        done: ends.count(Ended::Done),
        ignored: ends.count(Ended::Ignored),
        retried: ends.count(Ended::Retried),
        failed: ends.count(Ended::Failed),
        lag_p50_ms: lag(50),
        lag_p95_ms: lag(95),
        lag_p99_ms: lag(99),
    }
}

fn slot(slot: health::Slot) -> SlotBody {
    let health::Slot { start, ends: ended, waiting, oldest_seconds } = slot;
    SlotBody { start, ends: ends(&ended), waiting, oldest_seconds }
}

fn stream(stream: Stream) -> StreamBody {
    let health::Links { in_sync, pending, conflict, broken } = stream.links;
    StreamBody {
        ends: ends(&stream.ends),
        success: stream.ends.success(),
        source: stream.source,
        place: stream.place,
        last_seen: stream.last_seen,
        queued: stream.queued,
        retrying: stream.retrying,
        dead: stream.dead,
        oldest_due: stream.oldest,
        last_error: stream.last_error.map(|error| error.error),
        links: LinksBody { in_sync, pending, conflict, broken },
    }
}

fn quota(quota: QuotaNow) -> QuotaBody {
    let QuotaNow { seen, minutes_used_up } = quota;
    QuotaBody {
        client: seen.client,
        remaining: seen.remaining,
        limit: seen.most,
        resets_at: seen.resets_at,
        used_up: seen.used_up,
        minutes_used_up,
        seen_at: seen.seen_at,
    }
}

fn canary(canary: &Canary) -> CanaryBody {
    CanaryBody {
        touched_at: canary.touched_at,
        webhook_seconds: canary.heard_after.map(|after| after.as_secs_f64()),
        missing_since: canary.missing_since,
    }
}

fn recovery(recovery: &health::Recovery) -> RecoveryBody {
    let place = |place: &RecoverPlace| RecoverPlaceBody {
        repository: place.repository.to_string(),
        looked_at: place.looked_at,
        covered_until: place.covered_until,
        missing: place.missing,
        asked: place.asked,
        gap_from: place.gap.map(|gap| gap.from),
        gap_until: place.gap.map(|gap| gap.until),
        problem: place.problem.clone(),
    };
    RecoveryBody {
        looked_at: recovery.looked_at(),
        waiting: recovery.counts.waiting,
        came: recovery.counts.came,
        given_up: recovery.counts.given_up,
        expired: recovery.counts.expired,
        repositories: recovery.places.iter().map(place).collect(),
    }
}

fn process(process: Process) -> ProcessBody {
    ProcessBody {
        role: process.role,
        version: process.version,
        started_at: process.started_at,
        workers: process.facts.workers,
        busy: process.facts.busy,
        accepted_p99_ms: process.facts.accepted_p99_ms,
        refused: process.facts.refused,
    }
}

fn flow(flow: health::Flow) -> FlowBody {
    FlowBody {
        project: flow.project,
        completed: flow.completed,
        cycle_p50_seconds: flow.p50,
        cycle_p90_seconds: flow.p90,
        open_by_age: flow.open,
    }
}
