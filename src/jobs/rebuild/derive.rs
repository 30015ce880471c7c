//! From bodies to items: the same reading and the same joins as when they came in, without a queue.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Rebuild;
use super::report::{ColumnDifference, Difference, Kind};
use crate::clock::Timestamp;
use crate::comments::{self, Comment, CommentDecision};
use crate::failure::Failure;
use crate::ids::{CommentRef, DeliveryId, WorkItemRef};
use crate::jobs::process_delivery::{guarded, json_in};
use crate::sources::plane::normalize::needs;
use crate::sources::plane::read_with::ReadWith;
use crate::sources::{Source, Told, github, plane};
use crate::store::StoreResult;
use crate::store::rebuild::{Answer, Applied, Body, Readable};
use crate::store::rebuild_rows::{StoredComment, StoredItem};
use crate::work_items::{Change, Decision, WorkItem, decide};

/// Items on the way, and what is stored of them.
#[derive(Default)]
pub(super) struct Derivation {
    pub(super) derived: BTreeMap<WorkItemRef, Derived>,
    /// Under which item a delivery is filed.
    pub(super) filed: HashMap<(Source, DeliveryId), Option<WorkItemRef>>,
    told: HashMap<(Source, DeliveryId), Result<Option<WorkItemRef>, String>>,
}

/// One item.
#[derive(Default)]
pub(super) struct Derived {
    pub(super) item: Option<WorkItem>,
    pub(super) comments: BTreeMap<CommentRef, Comment>,
    pub(super) stored: Option<StoredItem>,
    pub(super) stored_comments: Vec<StoredComment>,
    pub(super) deliveries: u64,
    /// Bodies that are no longer there.
    pub(super) dropped: u64,
    pub(super) unrecorded: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) items: u64,
    pub(super) comments: u64,
    pub(super) deliveries: u64,
    pub(super) dropped: u64,
    pub(super) unrecorded: u64,
}

/// A delivery whose body says something else than its row.
pub(super) struct Misfiled {
    pub(super) source: Source,
    pub(super) delivery: DeliveryId,
    pub(super) filed: Option<WorkItemRef>,
    pub(super) told: Option<WorkItemRef>,
    /// Why its body tells nothing any more.
    pub(super) unreadable: Option<String>,
}

impl Misfiled {
    pub(super) fn difference(&self) -> Difference {
        let table = match self.source {
            Source::Plane => "plane_webhook_deliveries",
            Source::Github => "github_webhook_events",
        };
        let key = self.delivery.to_string();
        if let Some(why) = &self.unreadable {
            let why = format!("it was applied once and can't be read by this version: {why}");
            return Difference { table, key, kind: Kind::Unreadable, columns: Vec::new(), why };
        }
        let value =
            |item: &Option<WorkItemRef>| Value::from(item.as_ref().map(WorkItemRef::as_str));
        let column = ColumnDifference {
            column: "work_item_ref".to_owned(),
            stored: value(&self.filed),
            derived: value(&self.told),
        };
        let why = "its body tells of another item than it is filed under".to_owned();
        Difference { table, key, kind: Kind::Differs, columns: vec![column], why }
    }
}

impl Derivation {
    pub(super) fn of(items: &[WorkItemRef]) -> Self {
        let derived = items.iter().map(|item| (item.clone(), Derived::default())).collect();
        Self { derived, ..Self::default() }
    }

    /// Sets what is stored, and starts from it where bodies are gone.
    pub(super) fn start_from(
        &mut self,
        applied: &[Applied],
        items: Vec<StoredItem>,
        comments: Vec<StoredComment>,
    ) {
        for delivery in applied {
            let Some(derived) = delivery.item.as_ref().and_then(|i| self.derived.get_mut(i)) else {
                continue;
            };
            derived.deliveries += 1;
            derived.dropped += u64::from(delivery.body == Body::Dropped);
        }
        for stored in items {
            let Some(derived) = self.derived.get_mut(&stored.item) else { continue };
            if derived.dropped > 0 {
                derived.item.clone_from(&stored.whole);
            }
            derived.stored = Some(stored);
        }
        for stored in comments {
            let Some(derived) = self.derived.get_mut(&stored.whole.said.item) else { continue };
            if derived.dropped > 0 {
                let comment = stored.whole.said.comment.clone();
                derived.comments.insert(comment, stored.whole.clone());
            }
            derived.stored_comments.push(stored);
        }
    }

    /// Joins what GitHub said when it was asked.
    pub(super) fn answered(&mut self, answer: Answer) {
        let told = Told::from(Change::State(Box::new(answer.state)));
        if let Some(derived) = self.derived.get_mut(&answer.item) {
            derived.join(&told);
        }
    }

    /// Joins what a delivery tells, once for each reading of it.
    pub(super) fn read(&mut self, delivery: &Readable, read_with: &[ReadWith]) {
        let key = (delivery.source, delivery.delivery_id.clone());
        let readings = match read_delivery(delivery, read_with) {
            Ok(readings) => readings,
            Err(failure) => {
                self.told.insert(key, Err(failure.to_string()));
                return;
            }
        };
        let item = readings.iter().find_map(|told| told.item.item()).cloned();
        let unrecorded = delivery.source == Source::Plane && delivery.names.is_empty();
        if let Some(derived) = item.as_ref().and_then(|item| self.derived.get_mut(item)) {
            derived.unrecorded += u64::from(unrecorded);
            for told in &readings {
                derived.join(told);
            }
        }
        self.told.insert(key, Ok(item));
    }

    /// Deliveries whose body says something else than their row.
    pub(super) fn misfiled(&self) -> Vec<Misfiled> {
        let mut misfiled: Vec<_> = self
            .told
            .iter()
            .filter_map(|(key, told)| {
                let filed = self.filed.get(key)?;
                let (told, unreadable) = match told {
                    Ok(told) if told == filed => return None,
                    Ok(told) => (told.clone(), None),
                    Err(why) => (filed.clone(), Some(why.clone())),
                };
                let (source, delivery) = key.clone();
                Some(Misfiled { source, delivery, filed: filed.clone(), told, unreadable })
            })
            .collect();
        misfiled.sort_by(|a, b| a.delivery.cmp(&b.delivery));
        misfiled
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for derived in self.derived.values() {
            counts.items += u64::from(derived.item.is_some());
            counts.comments += derived.comments.len() as u64;
            counts.deliveries += derived.deliveries - derived.dropped;
            counts.dropped += u64::from(derived.dropped > 0);
            counts.unrecorded += derived.unrecorded;
        }
        counts
    }
}

impl Derived {
    fn join(&mut self, told: &Told) {
        // When a row is written is none of the derivation's business.
        let now = Timestamp::UNIX_EPOCH;
        if let Decision::Apply { item, .. } = decide(self.item.as_ref(), &told.item, now) {
            self.item = Some(*item);
        }
        let Some(change) = &told.comment else { return };
        let known = self.comments.get(&change.said.comment);
        if let CommentDecision::Apply { comment, .. } = comments::decide(known, change, now) {
            self.comments.insert(change.said.comment.clone(), *comment);
        }
    }
}

/// What a delivery tells, once for each reading of it.
pub(super) fn read_delivery(
    delivery: &Readable,
    read_with: &[ReadWith],
) -> Result<Vec<Told>, Failure> {
    match delivery.source {
        Source::Plane => read_with.iter().map(|with| read_plane(delivery, with)).collect(),
        Source::Github => read_github(delivery).map(|told| vec![told]),
    }
}

fn read_plane(delivery: &Readable, with: &ReadWith) -> Result<Told, Failure> {
    let (workspace, web_url) = (with.workspace.as_deref(), with.web_url.as_deref());
    guarded(|| {
        let event = json_in(&delivery.encoding, &delivery.body, plane::payload::parse)?;
        let at = delivery.received_at;
        plane::normalize::normalize(&event, &with.names, workspace, web_url, at).map(Told::from)
    })
}

fn read_github(delivery: &Readable) -> Result<Told, Failure> {
    guarded(|| {
        json_in(&delivery.encoding, &delivery.body, |json| {
            github::normalize::normalize(&github::payload::parse(
                &delivery.github_host,
                &delivery.event_type,
                json,
            )?)
        })
    })
}

impl Rebuild {
    /// All that a delivery was read with; what is known now, where that was not kept.
    pub(super) async fn read_with(&mut self, delivery: &Readable) -> StoreResult<Vec<ReadWith>> {
        if delivery.source != Source::Plane {
            return Ok(Vec::new());
        }
        let mut all = Vec::with_capacity(delivery.names.len().max(1));
        for key in &delivery.names {
            if !self.kept.contains_key(key) {
                let text = self.store.plane_names(key).await?;
                let Some(kept) = text.and_then(|text| ReadWith::from_text(&text).ok()) else {
                    continue;
                };
                self.kept.insert(key.clone(), kept);
            }
            all.extend(self.kept.get(key).cloned());
        }
        if all.is_empty() {
            all.push(self.read_with_now(delivery).await);
        }
        Ok(all)
    }

    async fn read_with_now(&self, delivery: &Readable) -> ReadWith {
        let event = json_in(&delivery.encoding, &delivery.body, plane::payload::parse);
        let asked = event.as_ref().map(needs).unwrap_or_default();
        let mut names = self.directory.names(&asked).await.names;
        names.lookup = self.lookup;
        self.directory.look_around().await;
        let own = match event.as_ref().ok().and_then(|event| event.project()) {
            Some(project) => self.directory.workspace_of(project).await,
            None => None,
        };
        let super::PlaneAddress { workspace, web_url } = self.plane.clone();
        ReadWith { names, workspace: own.or(workspace), web_url }
    }
}
