//! What deliveries would change on the board if they were read now: the same reading and the same
//! joins, and nothing stored.
//!
//! Deliberately absent: what would be written to the other side. The sync decides that when it
//! runs, from both sides as they are then.

use std::collections::BTreeMap;

use super::derive::read_delivery;
use super::{BYTES, Mode, PlaneAddress, Rebuild};
use crate::clock::{Clock, Timestamp};
use crate::comments::{self, Comment, CommentDecision};
use crate::ids::{CommentRef, DeliveryId, WorkItemRef};
use crate::sources::plane::normalize::Lookup;
use crate::sources::{Source, Told};
use crate::store::deliveries::Delivery;
use crate::store::{Store, StoreResult};
use crate::work_items::{Decision, FieldChange, WorkItem, decide};

/// Items that a forecast shows.
const SHOWN: usize = 10;
/// Failures that it shows.
const REASONS: usize = 3;

/// What some deliveries would change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecast {
    /// Deliveries that were read for it.
    pub read: u64,
    /// Those of them that tell what is known already.
    pub known: u64,
    /// Those that can't be read, and would fail again.
    pub failing: u64,
    /// Why the first of these would.
    pub reasons: Vec<(Source, DeliveryId, String)>,
    /// Items that would be new or differ.
    pub changing: u64,
    /// The first of these.
    pub items: Vec<ForeseenItem>,
}

/// An item that would be new or differ.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeseenItem {
    /// Which one.
    pub item: WorkItemRef,
    /// Its key, where it has one.
    pub key: Option<String>,
    /// Its title afterwards.
    pub title: Option<String>,
    /// Whether it is not there yet.
    pub new: bool,
    /// What would differ, comments as `comment`.
    pub changes: Vec<FieldChange>,
}

/// Reads as many of `deliveries` as some megabytes of bodies hold, in their order.
///
/// # Errors
/// When the database can't be read.
pub async fn forecast(
    store: &Store,
    clock: &Clock,
    deliveries: &[Delivery],
) -> StoreResult<Forecast> {
    let address = PlaneAddress::default();
    let mut reader = Rebuild::new(store, clock, address, Lookup::default(), Mode::Check);
    let mut inspection = store.inspect().await?;
    let mut readings = Readings::default();
    for source in Source::ALL {
        let (mut chosen, mut bytes) = (Vec::new(), 0);
        for delivery in deliveries.iter().filter(|delivery| delivery.source == source) {
            bytes += delivery.body_bytes;
            if bytes > BYTES && !chosen.is_empty() {
                break;
            }
            chosen.push(&delivery.delivery_id);
        }
        for delivery in inspection.bodies(source, &chosen).await? {
            let read_with = reader.read_with(&delivery).await?;
            let told = read_delivery(&delivery, &read_with);
            readings.add(source, delivery.delivery_id, told.map_err(|failure| failure.to_string()));
        }
    }
    let items: Vec<_> = readings.told.keys().collect();
    let (stored, stored_comments) =
        (inspection.stored_items(&items).await?, inspection.stored_comments(&items).await?);
    inspection.close().await?;
    let known = stored.into_iter().filter_map(|stored| Some((stored.item, stored.whole?)));
    let comments = stored_comments.into_iter();
    let comments = comments.map(|stored| (stored.whole.said.comment.clone(), stored.whole));
    Ok(readings.foresee(known.collect(), comments.collect()))
}

/// What deliveries tell, by item.
#[derive(Default)]
struct Readings {
    read: u64,
    told: BTreeMap<WorkItemRef, Vec<Vec<Told>>>,
    /// Those that tell of no item.
    of_nothing: u64,
    failed: Vec<(Source, DeliveryId, String)>,
}

impl Readings {
    fn add(&mut self, source: Source, id: DeliveryId, told: Result<Vec<Told>, String>) {
        self.read += 1;
        let told = match told {
            Ok(told) => told,
            Err(why) => {
                self.failed.push((source, id, why));
                return;
            }
        };
        match told.iter().find_map(|told| told.item.item()).cloned() {
            Some(item) => self.told.entry(item).or_default().push(told),
            None => self.of_nothing += 1,
        }
    }

    fn foresee(
        self,
        mut known: BTreeMap<WorkItemRef, WorkItem>,
        mut comments: BTreeMap<CommentRef, Comment>,
    ) -> Forecast {
        let mut forecast = Forecast {
            read: self.read,
            known: self.of_nothing,
            failing: self.failed.len() as u64,
            reasons: self.failed.into_iter().take(REASONS).collect(),
            ..Forecast::default()
        };
        for (item, deliveries) in self.told {
            let mut foreseen = Foreseen { item: known.remove(&item), changes: BTreeMap::new() };
            let new = foreseen.item.is_none();
            for told in deliveries {
                let changed = told.iter().fold(false, |changed, told| {
                    let item_changed = foreseen.join_item(told);
                    foreseen.join_comment(told, &mut comments) || item_changed || changed
                });
                forecast.known += u64::from(!changed);
            }
            let changes = foreseen.net();
            if changes.is_empty() {
                continue;
            }
            forecast.changing += 1;
            if forecast.items.len() < SHOWN {
                let state = foreseen.item.as_ref().and_then(|item| item.state.as_ref());
                forecast.items.push(ForeseenItem {
                    item,
                    key: state.and_then(|state| state.key.clone()),
                    title: state.map(|state| state.title.clone()),
                    new,
                    changes,
                });
            }
        }
        forecast
    }
}

/// One item on the way.
struct Foreseen {
    item: Option<WorkItem>,
    changes: BTreeMap<(String, Option<CommentRef>), FieldChange>,
}

impl Foreseen {
    fn join_item(&mut self, told: &Told) -> bool {
        let decided = decide(self.item.as_ref(), &told.item, Timestamp::UNIX_EPOCH);
        let Decision::Apply { item, changes, .. } = decided else { return false };
        self.item = Some(*item);
        self.note(changes, None);
        true
    }

    fn join_comment(&mut self, told: &Told, comments: &mut BTreeMap<CommentRef, Comment>) -> bool {
        let Some(change) = &told.comment else { return false };
        let name = &change.said.comment;
        let decided = comments::decide(comments.get(name), change, Timestamp::UNIX_EPOCH);
        let CommentDecision::Apply { comment, changes, .. } = decided else { return false };
        comments.insert(name.clone(), *comment);
        self.note(changes, Some(name));
        true
    }

    /// Of a field that changes twice the first value before and the last one after count.
    fn note(&mut self, changes: Vec<FieldChange>, comment: Option<&CommentRef>) {
        for change in changes {
            let key = (change.field.clone(), comment.cloned());
            match self.changes.get_mut(&key) {
                Some(known) => known.to = change.to,
                None => {
                    self.changes.insert(key, change);
                }
            }
        }
    }

    fn net(&mut self) -> Vec<FieldChange> {
        let changes = std::mem::take(&mut self.changes).into_values();
        changes.filter(|change| change.from != change.to).collect()
    }
}
