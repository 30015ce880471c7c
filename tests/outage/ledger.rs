//! What was accepted against what became of it.

use std::collections::{BTreeMap, HashSet};

use jetbridge::ids::{DeliveryId, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::Store;
use jetbridge::store::deliveries::DeliveryStatus;
use jetbridge::timeline::EntryOutcome;

/// The ids that were answered 2xx, by when that was. Each is its item's id too.
#[derive(Debug, Default)]
pub struct Accounts(BTreeMap<&'static str, Vec<String>>);

#[derive(Debug, Default)]
struct Ledger {
    accepted: usize,
    lost: usize,
    doubled: usize,
}

impl Accounts {
    pub fn add(&mut self, when: &'static str, ids: Vec<String>) {
        self.0.entry(when).or_default().extend(ids);
    }

    /// Prints the table and insists on it: at least so many accepted, none lost, none doubled.
    pub async fn balance(&self, store: &Store, at_least: usize) {
        let mut total = Ledger::default();
        println!("{:<40} {:>8} {:>5} {:>8}", "", "accepted", "lost", "doubled");
        for (when, ids) in &self.0 {
            let Ledger { accepted, lost, doubled } = ledger(store, ids).await;
            println!("{when:<40} {accepted:>8} {lost:>5} {doubled:>8}");
            total.accepted += accepted;
            total.lost += lost;
            total.doubled += doubled;
        }
        println!("{:<40} {:>8} {:>5} {:>8}", "all", total.accepted, total.lost, total.doubled);
        assert!(total.accepted >= at_least, "{total:?}");
        assert_eq!((total.lost, total.doubled), (0, 0));
    }
}

/// Lost: not there, not processed, or without its item. Doubled: worked off more than once.
async fn ledger(store: &Store, accepted: &[String]) -> Ledger {
    let ids: HashSet<&String> = accepted.iter().collect();
    assert_eq!(ids.len(), accepted.len());
    let mut ledger = Ledger { accepted: ids.len(), lost: 0, doubled: 0 };
    for id in ids {
        let delivery = DeliveryId::new(id);
        let stored = store.delivery(Source::Plane, &delivery).await.unwrap();
        let item = store.work_item(&WorkItemRef::new(format!("plane:{id}"))).await.unwrap();
        let processed = stored.is_some_and(|(d, _)| d.status == DeliveryStatus::Processed);
        let entries = store.delivery_timeline(Source::Plane, &delivery).await.unwrap();
        let applied = entries.iter().filter(|e| e.outcome == EntryOutcome::Applied).count();
        ledger.lost += usize::from(!processed || item.is_none() || applied == 0);
        ledger.doubled += usize::from(entries.len() > 1);
    }
    ledger
}
