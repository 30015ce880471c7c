//! What alarms are judged from, read from the database.

use std::time::Duration;

use chrono::TimeDelta;

use crate::alarms::{Away, Dead, Ends, Quota, Situation, Stream, WINDOW, WebhookMissing, Workers};
use crate::clock::Timestamp;
use crate::config::CanaryConfig;
use crate::figures::{BUCKET, Ended, floor};
use crate::health::GONE_AFTER;
use crate::quota::Circuit;
use crate::store::flow::{Rhythm, Seen};
use crate::store::queue_now::Waiting;
use crate::store::quota_accounts::KeptAccount;
use crate::store::{Store, StoreResult};

/// How long webhooks that were given up are told: longer GitHub does not keep them.
const LOST: TimeDelta = TimeDelta::days(3);

/// Reads the situation; rhythms are learned now and then, and handed in.
pub(super) async fn read(
    store: &Store,
    rhythms: &[Rhythm],
    canary: CanaryConfig,
    now: Timestamp,
) -> StoreResult<Situation> {
    let seen = store.last_seen().await?;
    let waiting = store.waiting_by_source().await?;
    let works = store.somebody_works(now - GONE_AFTER).await?;
    let quotas = store.quotas(now - Duration::from_hours(1)).await?;
    Ok(Situation {
        streams: rhythms.iter().filter_map(|rhythm| stream(rhythm, &seen)).collect(),
        ends: ends(store, now).await?,
        dead: if waiting.iter().any(|w| w.dead > 0) { dead(store).await? } else { Vec::new() },
        oldest_due: waiting.iter().filter_map(|w| w.oldest).min(),
        workers: if works { Workers::Some } else { Workers::None },
        quotas: quotas
            .into_iter()
            .map(|q| Quota { client: q.seen.client, minutes: q.minutes_used_up, most: q.seen.most })
            .collect(),
        given_up: store.recover_counts(now - LOST).await?.given_up,
        webhook_missing: webhook_missing(store, canary).await?,
        away: store.kept_accounts().await?.into_iter().filter_map(away).collect(),
    })
}

/// Since when Plane's webhooks are missing, as the canary found.
async fn webhook_missing(
    store: &Store,
    canary: CanaryConfig,
) -> StoreResult<Option<WebhookMissing>> {
    let Some(project) = canary.project else { return Ok(None) };
    let kept = store.canary(&project.to_string()).await?;
    let since = kept.canary.missing_since;
    Ok(since.map(|since| WebhookMissing { since, deadline: canary.rhythm.deadline }))
}

/// `None` for what is asked.
fn away(kept: KeptAccount) -> Option<Away> {
    let client = kept.client();
    let breaker = kept.account.breaker;
    let next = match breaker.circuit {
        Circuit::Closed => return None,
        Circuit::Open { until } | Circuit::HalfOpen { until } => until,
    };
    Some(Away {
        client,
        since: breaker.since?,
        error: breaker.last_error.unwrap_or_default(),
        next,
    })
}

/// `None` for what is no longer configured, or has no webhooks of its own.
fn stream(rhythm: &Rhythm, seen: &[Seen]) -> Option<Stream> {
    let is_it =
        |s: &&Seen| s.source == rhythm.source && s.place.eq_ignore_ascii_case(&rhythm.place);
    Some(Stream {
        source: rhythm.source.clone(),
        place: rhythm.place.clone(),
        last: seen.iter().find(is_it)?.at,
        first: Timestamp::from_timestamp(rhythm.first, 0)?,
        events: u64::try_from(rhythm.events).unwrap_or_default(),
        longest_gap: TimeDelta::try_seconds(rhythm.longest_gap).unwrap_or_default(),
    })
}

async fn ends(store: &Store, now: Timestamp) -> StoreResult<Vec<Ends>> {
    let mut ends: Vec<Ends> = Vec::new();
    for sum in store.figures_by_place(floor(now - WINDOW, BUCKET)).await? {
        let known = ends.iter().position(|e| e.source == sum.source);
        let at = known.unwrap_or_else(|| {
            ends.push(Ends { source: sum.source.clone(), all: 0, failed: 0 });
            ends.len() - 1
        });
        ends[at].all += sum.count;
        if sum.ended == Ended::Failed {
            ends[at].failed += sum.count;
        }
    }
    Ok(ends)
}

/// Dead jobs by repository, and those of no repository by source.
async fn dead(store: &Store) -> StoreResult<Vec<Dead>> {
    let errors = store.last_errors().await?;
    let by_repository = store.waiting_by_repository().await?;
    let mut all: Vec<Waiting> = Vec::new();
    for stage in store.waiting_by_source().await? {
        match all.iter_mut().find(|whole| whole.source == stage.source) {
            Some(whole) => {
                whole.dead += stage.dead;
                whole.dead_since = [whole.dead_since, stage.dead_since].into_iter().flatten().min();
            }
            None => all.push(stage),
        }
    }
    for whole in &mut all {
        let told = by_repository.iter().filter(|w| w.source == whole.source);
        whole.dead -= told.map(|w| w.dead).sum::<i64>();
    }
    all.extend(by_repository);
    let of = |waiting: Waiting| {
        let is_its = |source: &str, place: &str| {
            source == waiting.source && place.eq_ignore_ascii_case(&waiting.place)
        };
        let error = errors.iter().find(|e| is_its(&e.source, &e.place));
        Some(Dead {
            since: waiting.dead_since?,
            error: error.map_or_else(String::new, |e| e.error.clone()),
            source: waiting.source,
            place: waiting.place,
            count: waiting.dead,
        })
    };
    let mut dead: Vec<_> = all.into_iter().filter(|w| w.dead > 0).filter_map(of).collect();
    dead.sort_by_key(|d| std::cmp::Reverse(d.count));
    Ok(dead)
}
