//! Running many deliveries again: what it would reach, and then all of it, in batches.
//!
//! The rule: what is counted is what is run. A selection has an end in time, so that what arrives
//! between the preview and the replay is in neither, and the replay walks it from its newest to
//! its oldest delivery, each of which it meets once, whatever becomes of them meanwhile.
//!
//! Deliberately absent: who may do it, and the queue itself.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::clock::{Clock, Timestamp};
use crate::config::RepositoryName;
use crate::ids::{DeliveryId, RepositorySyncId};
use crate::jobs::rebuild::{Forecast, forecast};
use crate::sources::Source;
use crate::store::deliveries::{Delivery, DeliveryCursor, DeliveryFilter, DeliveryStatus};
use crate::store::replays::{ReplayFate, ReplayGroup, ReplayedBatch};
use crate::store::{Store, StoreResult};

/// Deliveries of one transaction: enough to be quick, few enough to keep nobody waiting.
const BATCH: usize = 500;
/// A preview counts no further, for each source.
pub const MOST_COUNTED: i64 = 100_000;
/// Deliveries that a preview shows.
const SAMPLES: usize = 5;
/// Deliveries that it reads, to say what they would change.
const READ: i64 = 300;

/// Which deliveries are to run again.
#[derive(Debug, Clone)]
pub struct Selection {
    filter: DeliveryFilter,
    after: Option<DeliveryCursor>,
}

impl Selection {
    /// All that match and have arrived by `now`.
    pub fn new(filter: DeliveryFilter, now: Timestamp) -> Self {
        let end = now + TimeDelta::microseconds(1);
        let until = filter.until.map_or(end, |until| until.min(end));
        Self { filter: DeliveryFilter { until: Some(until), ..filter }, after: None }
    }

    /// Those of them that come after this one, where a replay was left off.
    #[must_use]
    pub fn after(self, after: Option<DeliveryCursor>) -> Self {
        Self { after, ..self }
    }

    /// Its end in time.
    pub fn until(&self) -> Option<Timestamp> {
        self.filter.until
    }

    /// As the store takes it.
    pub fn filter(&self) -> &DeliveryFilter {
        &self.filter
    }

    /// How many deliveries a replay would queue, as far as they are counted.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn count(&self, store: &Store) -> StoreResult<i64> {
        let groups = store.replay_groups(&self.filter, self.after.as_ref(), MOST_COUNTED).await?;
        let queued = groups.iter().filter(|group| group.fate == ReplayFate::Queued);
        Ok(queued.map(|group| group.count).sum())
    }

    /// What a replay would reach and change; nothing is changed.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn preview(&self, store: &Store, clock: &Clock) -> StoreResult<Preview> {
        let groups = store.replay_groups(&self.filter, self.after.as_ref(), MOST_COUNTED).await?;
        let repositories = store.repositories().await?;
        let names: BTreeMap<RepositorySyncId, RepositoryName> =
            repositories.into_iter().map(|r| (r.id, r.name)).collect();
        let newest = store.deliveries(&self.filter, self.after.as_ref(), READ).await?;
        let forecast = forecast(store, clock, &newest).await?;
        let samples = newest.into_iter().take(SAMPLES).collect();
        Ok(Preview { forecast, ..Preview::of(&groups, &names, samples) })
    }
}

/// What a replay would reach.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Deliveries that would be queued again.
    pub queued: i64,
    /// Deliveries that would be left alone, since they are being worked on.
    pub running: i64,
    /// Deliveries that would be left alone, since their bodies are no longer kept.
    pub dropped: i64,
    /// Those that would be queued, by where they stand.
    pub by_status: Vec<(DeliveryStatus, i64)>,
    /// Those that would be queued, by source and repository.
    pub by_origin: Vec<(Source, Option<RepositoryName>, i64)>,
    /// Whether there may be more than was counted.
    pub extent: Counted,
    /// The newest few of all that match.
    pub samples: Vec<Delivery>,
    /// What the newest of them would change on the board.
    pub forecast: Forecast,
}

/// How far was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// To the end.
    All,
    /// Up to [`MOST_COUNTED`] of a source; there may be more.
    AtLeast,
}

impl Preview {
    fn of(
        groups: &[ReplayGroup],
        names: &BTreeMap<RepositorySyncId, RepositoryName>,
        samples: Vec<Delivery>,
    ) -> Self {
        let sum = |keep: &dyn Fn(&ReplayGroup) -> bool| -> i64 {
            groups.iter().filter(|group| keep(group)).map(|group| group.count).sum()
        };
        let queued = groups.iter().filter(|group| group.fate == ReplayFate::Queued);
        let mut origins: Vec<(Source, Option<RepositorySyncId>, i64)> = Vec::new();
        for group in queued {
            match origins.iter_mut().find(|o| (o.0, o.1) == (group.source, group.repository)) {
                Some(origin) => origin.2 += group.count,
                None => origins.push((group.source, group.repository, group.count)),
            }
        }
        origins.sort_by_key(|origin| std::cmp::Reverse(origin.2));
        let full = |source| sum(&|group| group.source == source) >= MOST_COUNTED;
        Self {
            queued: sum(&|group| group.fate == ReplayFate::Queued),
            running: sum(&|group| group.fate == ReplayFate::Running),
            dropped: sum(&|group| group.fate == ReplayFate::BodyDropped),
            by_status: DeliveryStatus::ALL
                .into_iter()
                .map(|status| {
                    let of = |g: &ReplayGroup| g.status == status && g.fate == ReplayFate::Queued;
                    (status, sum(&of))
                })
                .filter(|(_, count)| *count > 0)
                .collect(),
            by_origin: origins
                .into_iter()
                .map(|(source, id, count)| {
                    (source, id.and_then(|id| names.get(&id).cloned()), count)
                })
                .collect(),
            extent: if Source::ALL.iter().any(|source| full(*source)) {
                Counted::AtLeast
            } else {
                Counted::All
            },
            samples,
            forecast: Forecast::default(),
        }
    }
}

/// How far a replay has come. What is in it was done, whatever happens next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Queued again so far.
    pub queued: u64,
    /// Left alone so far, since they are being worked on.
    pub running: u64,
    /// Left alone so far, since their bodies are no longer kept.
    pub dropped: u64,
    /// Where it goes on; `None` at the end.
    pub rest: Option<DeliveryCursor>,
}

impl Progress {
    /// Deliveries that were met.
    pub fn met(&self) -> u64 {
        self.queued + self.running + self.dropped
    }

    /// What came of it, for the audit log.
    pub fn in_words(&self) -> String {
        format!("{} queued, {} in work", self.queued, self.running)
    }

    fn add(&mut self, batch: ReplayedBatch) {
        self.queued += batch.queued;
        self.running += batch.running;
        self.dropped += batch.dropped;
    }
}

/// Runs up to `most` deliveries again, from the newest to the oldest, and tells `watch` after each
/// batch.
///
/// # Errors
/// When the database can't be written; `progress` then says what was done until then.
pub async fn replay(
    store: &Store,
    clock: &Clock,
    selection: &Selection,
    most: usize,
    progress: &mut Progress,
    mut watch: impl FnMut(&Progress),
) -> StoreResult<()> {
    let mut room = most;
    progress.rest.clone_from(&selection.after);
    loop {
        let size = room.min(BATCH);
        // One more than the batch tells whether it is the last one.
        let asked = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let found = store.deliveries(&selection.filter, progress.rest.as_ref(), asked).await?;
        let names: Vec<(Source, &DeliveryId)> =
            found.iter().take(size).map(|d| (d.source, &d.delivery_id)).collect();
        if !names.is_empty() {
            progress.add(store.replay_batch(&names, clock.now()).await?);
        }
        room -= names.len();
        let last = found.get(names.len().wrapping_sub(1)).filter(|_| found.len() > size);
        progress.rest = last.map(|d| DeliveryCursor {
            received_at: d.received_at,
            delivery_id: d.delivery_id.clone(),
        });
        watch(progress);
        if progress.rest.is_none() || room == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_adds_up_what_is_alike_and_keeps_apart_what_is_left_alone() {
        let group = |status, repository, fate, count| ReplayGroup {
            source: Source::Github,
            status,
            repository,
            fate,
            count,
        };
        let (one, failed) = (Some(RepositorySyncId(1)), DeliveryStatus::Failed);
        let groups = [
            group(failed, one, ReplayFate::Queued, 3),
            group(DeliveryStatus::Processed, one, ReplayFate::Queued, 4),
            group(failed, None, ReplayFate::BodyDropped, 2),
            group(DeliveryStatus::Received, one, ReplayFate::Running, 1),
        ];
        let name: RepositoryName = "octo/api".parse().unwrap();
        let names = BTreeMap::from([(RepositorySyncId(1), name.clone())]);
        let preview = Preview::of(&groups, &names, Vec::new());
        assert_eq!((preview.queued, preview.running, preview.dropped), (7, 1, 2));
        assert_eq!(preview.by_status, [(DeliveryStatus::Processed, 4), (failed, 3)]);
        assert_eq!(preview.by_origin, [(Source::Github, Some(name), 7)]);
        assert_eq!(preview.extent, Counted::All);
    }

    #[test]
    fn a_selection_ends_with_the_moment_of_its_making() {
        let now: Timestamp = "2026-11-22T01:00:00Z".parse().unwrap();
        let until = |given| {
            let filter = DeliveryFilter { until: given, ..DeliveryFilter::default() };
            Selection::new(filter, now).until()
        };
        let before = "2026-11-21T01:00:00Z".parse().unwrap();
        assert_eq!(until(Some(before)), Some(before));
        let end = Some(now + TimeDelta::microseconds(1));
        assert_eq!(until(None), end);
        assert_eq!(until("2027-01-01T00:00:00Z".parse().ok()), end);
    }
}
