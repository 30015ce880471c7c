//! Derives the board anew from what was received, and compares or replaces what stands in the
//! tables.
//!
//! An item is the join of all that was told of it (`work_items`, `comments`), so it can be derived
//! from the stored bodies alone, in any order, together with what else took part and is kept for
//! that: the names and addresses that Plane's deliveries were read with, and GitHub's answers where
//! it was asked. A delivery takes part once an attempt at it told of the board; one that waits,
//! failed or is dead does not.
//!
//! Items are walked in the order of their references, some at a time, each batch within one
//! snapshot of the tables, so memory holds a batch and the differences, whatever the inbox's size.
//!
//! What retention dropped can't be read again. An item of which a body was dropped keeps its stored
//! state as a lower bound: what the other bodies tell is joined into it, and nothing of it removed.
//!
//! Deliberately not compared: when a row was written here (`ingested_at`), the timeline, links.
//! They tell what happened, not what is.

mod compare;
mod derive;
mod forecast;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::directory::Directory;
use super::process_delivery::PlaneAddress;
use crate::clock::Clock;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::sources::plane::normalize::Lookup;
use crate::sources::plane::read_with::ReadWith;
use crate::store::rebuild::{Applied, Body, Inspection};
use crate::store::{Store, StoreResult};
use compare::compare;
use derive::Derivation;
pub use forecast::{Forecast, ForeseenItem, forecast};
pub use report::{ColumnDifference, Difference, Kind, Report};

/// Items that are derived together.
const BATCH: i64 = 128;
/// Deliveries without an item that are read together.
const PAGE: i64 = 256;
/// Bytes of bodies that are in memory at a time, or one body.
const BYTES: i64 = 4 << 20;
/// Wait for items that are being worked on, and how often.
const BUSY: Duration = Duration::from_millis(100);
const ROUNDS: u32 = 300;
/// What a rebuild laid aside and never put in place is cleared after this long.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// What to do about differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tell them.
    Check,
    /// Put what was derived in place.
    Replace,
}

/// How far it came, in deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Read so far.
    pub done: u64,
    /// There were when it began.
    pub of: u64,
}

/// Derives the board. Made for one run.
pub struct Rebuild {
    store: Store,
    clock: Clock,
    /// For deliveries that were read before what they were read with was kept.
    directory: Directory,
    lookup: Lookup,
    plane: PlaneAddress,
    mode: Mode,
    run: String,
    kept: BTreeMap<String, ReadWith>,
    report: Report,
    progress: Progress,
}

impl Rebuild {
    /// `plane` and `lookup` are those of the service: they count only for deliveries that were read
    /// before there was a record of them.
    pub fn new(
        store: &Store,
        clock: &Clock,
        plane: PlaneAddress,
        lookup: Lookup,
        mode: Mode,
    ) -> Self {
        Self {
            store: store.clone(),
            clock: clock.clone(),
            directory: Directory::new(None, store.clone(), clock.clone()),
            lookup,
            plane,
            mode,
            run: Uuid::new_v4().to_string(),
            kept: BTreeMap::new(),
            report: Report::default(),
            progress: Progress { done: 0, of: 0 },
        }
    }

    /// Runs to the end. `tell` hears now and then how far it is.
    ///
    /// # Errors
    /// When the database can't be read or written; what was put in place until then is right.
    pub async fn run(mut self, mut tell: impl FnMut(Progress)) -> StoreResult<Report> {
        self.store.clear_aside(self.clock.now() - FORGOTTEN).await?;
        self.report.mode = Some(self.mode);
        let mut inspection = self.store.inspect().await?;
        let size = inspection.inbox_size().await?;
        inspection.close().await?;
        self.report.unread = u64::try_from(size.unread).unwrap_or(0);
        self.progress.of = u64::try_from(size.applied).unwrap_or(0);
        tell(self.progress);
        let mut misfiled = BTreeSet::new();
        for source in Source::ALL {
            self.walk_without_item(source, &mut misfiled, &mut tell).await?;
        }
        let mut after = String::new();
        loop {
            let mut inspection = self.store.inspect().await?;
            let items = inspection.items_after(&after, BATCH).await?;
            let Some(last) = items.last() else {
                inspection.close().await?;
                break;
            };
            last.as_str().clone_into(&mut after);
            misfiled.extend(self.batch(inspection, &items, Pass::First).await?);
            tell(self.progress);
        }
        if self.mode == Mode::Replace {
            let misfiled: Vec<_> = misfiled.into_iter().collect();
            for items in misfiled.chunks(usize::try_from(BATCH).unwrap_or(usize::MAX)) {
                let inspection = self.store.inspect().await?;
                self.batch(inspection, items, Pass::Again).await?;
            }
            self.swap().await?;
        }
        Ok(self.report)
    }

    /// Those that told of no item, in case this version reads one out of them.
    async fn walk_without_item(
        &mut self,
        source: Source,
        misfiled: &mut BTreeSet<WorkItemRef>,
        tell: &mut impl FnMut(Progress),
    ) -> StoreResult<()> {
        let mut after = String::new();
        loop {
            let mut inspection = self.store.inspect().await?;
            let page = inspection.without_item(source, &after, PAGE).await?;
            let Some(last) = page.last() else { return inspection.close().await };
            last.delivery_id.as_str().clone_into(&mut after);
            let mut derivation = Derivation::default();
            self.read(&mut inspection, &page, &mut derivation).await?;
            inspection.close().await?;
            misfiled.extend(self.refile(&derivation).await?);
            tell(self.progress);
        }
    }

    /// Derives these items and compares them; the items that a delivery was wrongly filed under, or
    /// should have been.
    async fn batch(
        &mut self,
        mut inspection: Inspection,
        items: &[WorkItemRef],
        pass: Pass,
    ) -> StoreResult<BTreeSet<WorkItemRef>> {
        let refs: Vec<_> = items.iter().collect();
        let applied = inspection.applied(&refs).await?;
        let mut derivation = Derivation::of(items);
        derivation.start_from(
            &applied,
            inspection.stored_items(&refs).await?,
            inspection.stored_comments(&refs).await?,
        );
        for answer in inspection.answers(&refs).await? {
            derivation.answered(answer);
        }
        let counted = self.progress.done;
        self.read(&mut inspection, &applied, &mut derivation).await?;
        let prints = inspection.fingerprints(&refs).await?;
        inspection.close().await?;
        if pass == Pass::First {
            self.report.count(&derivation);
        } else {
            self.progress.done = counted;
        }
        let misfiled = self.refile(&derivation).await?;
        let compared = compare(derivation, prints);
        if pass != Pass::Retry {
            self.report.add(&compared);
        }
        if self.mode == Mode::Replace {
            let replacements: Vec<_> = compared.into_iter().filter_map(|c| c.replacement).collect();
            let differing: BTreeSet<_> = replacements.iter().map(|r| &r.item).collect();
            if pass != Pass::First {
                let right: Vec<_> =
                    refs.iter().copied().filter(|item| !differing.contains(item)).collect();
                self.store.forget_aside(&self.run, &right).await?;
            }
            if !replacements.is_empty() {
                self.store.lay_aside(&self.run, &replacements, self.clock.now()).await?;
            }
        }
        Ok(misfiled)
    }

    /// Reads the bodies of `applied` into the derivation, a few megabytes at a time.
    async fn read(
        &mut self,
        inspection: &mut Inspection,
        applied: &[Applied],
        derivation: &mut Derivation,
    ) -> StoreResult<()> {
        for source in Source::ALL {
            let kept = |a: &&Applied| a.source == source && a.body == Body::Kept;
            let mut part: Vec<&DeliveryId> = Vec::new();
            let mut bytes = 0;
            for delivery in applied.iter().filter(kept) {
                if bytes > 0 && bytes + delivery.bytes > BYTES {
                    self.read_part(inspection, source, &part, derivation).await?;
                    part.clear();
                    bytes = 0;
                }
                part.push(&delivery.delivery_id);
                bytes += delivery.bytes;
            }
            self.read_part(inspection, source, &part, derivation).await?;
        }
        let filed = applied.iter().map(|a| ((a.source, a.delivery_id.clone()), a.item.clone()));
        derivation.filed.extend(filed);
        self.progress.done += applied.len() as u64;
        Ok(())
    }

    async fn read_part(
        &mut self,
        inspection: &mut Inspection,
        source: Source,
        part: &[&DeliveryId],
        derivation: &mut Derivation,
    ) -> StoreResult<()> {
        if part.is_empty() {
            return Ok(());
        }
        for delivery in inspection.bodies(source, part).await? {
            let read_with = self.read_with(&delivery).await?;
            derivation.read(&delivery, &read_with);
        }
        Ok(())
    }

    /// Files deliveries under the items that their bodies tell of, or tells that they are not; the
    /// items concerned.
    async fn refile(&mut self, derivation: &Derivation) -> StoreResult<BTreeSet<WorkItemRef>> {
        let mut concerned = BTreeSet::new();
        for misfiled in derivation.misfiled() {
            concerned.extend(misfiled.filed.iter().chain(&misfiled.told).cloned());
            if self.mode == Mode::Replace {
                let (source, delivery) = (misfiled.source, &misfiled.delivery);
                self.store.refile(source, delivery, misfiled.told.as_ref()).await?;
            }
            self.report.misfiled(&misfiled);
        }
        Ok(concerned)
    }

    /// Puts in place what was laid aside. What changed meanwhile is derived anew, until nothing is
    /// left.
    async fn swap(&mut self) -> StoreResult<()> {
        for round in 0..ROUNDS {
            let swapped = self.store.swap_in(&self.run).await?;
            self.report.replaced += swapped.items;
            self.report.left = u64::try_from(swapped.left).unwrap_or(0);
            if swapped.left == 0 {
                return Ok(());
            }
            if round > 0 {
                sleep(BUSY).await;
            }
            let mut after = String::new();
            loop {
                let left = self.store.left_aside(&self.run, &after).await?;
                let Some(last) = left.last() else { break };
                last.as_str().clone_into(&mut after);
                let inspection = self.store.inspect().await?;
                self.batch(inspection, &left, Pass::Retry).await?;
            }
        }
        Ok(())
    }
}

/// Why a batch is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// For the first time.
    First,
    /// Once more, since a delivery was filed under another item.
    Again,
    /// Once more, since it changed before it could be put in place: told of before.
    Retry,
}
