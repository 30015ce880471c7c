//! A filter and rules tried on what GitHub has sent: read, reckon, count. Nothing is written and
//! nobody is asked.

use serde::Serialize;

use super::process_delivery::{guarded, is_filtered, json_in};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::rules::trial::{Fate, Trial, tried};
use crate::rules::{Facts, Rulebook};
use crate::sources::Source;
use crate::sources::github::facts::facts;
use crate::sources::github::normalize::sync_issue;
use crate::sources::github::payload::parse;
use crate::store::deliveries::{Delivery, DeliveryCursor, DeliveryFilter};
use crate::store::{Store, StoreResult};
use crate::sync::github::Issue;

/// Deliveries that are read at once.
const PAGE: i64 = 50;

/// What is tried, and on what.
#[derive(Debug, Clone)]
pub struct RuleTrial<'a> {
    /// The filter and the rules.
    pub rulebook: &'a Rulebook,
    /// Whose deliveries.
    pub repository: &'a RepositoryName,
    /// Those that came since then; without it, all.
    pub since: Option<Timestamp>,
    /// The newest so many.
    pub limit: u32,
}

/// One delivery, and what would become of it.
#[derive(Debug, Clone)]
pub struct TriedDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// The issue's number and title, as far as they are told.
    pub number: i64,
    /// The title before any rule.
    pub title: String,
    /// What would become of it.
    pub trial: Trial,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TrialCounts {
    /// Looked at.
    pub tried: u64,
    /// Would be carried over.
    pub carried_over: u64,
    /// Of those, changed by a rule.
    pub changed: u64,
    /// Would be left out by the filter.
    pub left_out: u64,
    /// Would be dropped by a rule.
    pub dropped: u64,
    /// Come to nothing.
    pub broken: u64,
    /// Tell of nothing that is carried over, or can't be read any more.
    pub passed_over: u64,
}

impl TrialCounts {
    fn add(&mut self, trial: &Trial) {
        self.tried += 1;
        *match trial.fate {
            Fate::CarriedOver => &mut self.carried_over,
            Fate::LeftOut => &mut self.left_out,
            Fate::Dropped { .. } => &mut self.dropped,
            Fate::Broken { .. } => &mut self.broken,
            Fate::NothingToCarry => &mut self.passed_over,
        } += 1;
        self.changed += u64::from(!trial.turned.is_empty());
    }
}

impl RuleTrial<'_> {
    /// Tries the newest deliveries first and tells of each; `told` gets how many there were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run(
        &self,
        store: &Store,
        mut told: impl FnMut(&TrialCounts),
    ) -> StoreResult<(Vec<TriedDelivery>, TrialCounts)> {
        let filter = DeliveryFilter {
            source: Some(Source::Github),
            repository: Some(self.repository.to_string()),
            since: self.since,
            ..DeliveryFilter::default()
        };
        let (mut all, mut counts) = (Vec::new(), TrialCounts::default());
        let mut after: Option<DeliveryCursor> = None;
        while counts.tried < u64::from(self.limit) {
            let left = i64::try_from(u64::from(self.limit) - counts.tried).unwrap_or(PAGE);
            let page = store.deliveries(&filter, after.as_ref(), left.min(PAGE)).await?;
            let Some(last) = page.last() else { break };
            let delivery_id = last.delivery_id.clone();
            after = Some(DeliveryCursor { received_at: last.received_at, delivery_id });
            for delivery in page {
                let known = store.delivery(delivery.source, &delivery.delivery_id).await?;
                let body = known.and_then(|(_, body)| body);
                let tried = self.of(delivery, body.as_deref());
                counts.add(&tried.trial);
                all.push(tried);
            }
            told(&counts);
        }
        Ok((all, counts))
    }

    fn of(&self, delivery: Delivery, body: Option<&[u8]>) -> TriedDelivery {
        let read = body.map(|body| guarded(|| self.read(&delivery, body)));
        let (facts, issue) = match read {
            Some(Ok((facts, issue))) => (facts, issue),
            Some(Err(_)) | None => (Facts::default(), None),
        };
        let none = Rulebook::default();
        let rulebook = if is_filtered(&delivery.event_type) { self.rulebook } else { &none };
        let trial = tried(rulebook, &facts, issue.as_ref());
        TriedDelivery { delivery, number: facts.issue.number, title: facts.issue.title, trial }
    }

    fn read(&self, delivery: &Delivery, body: &[u8]) -> Result<(Facts, Option<Issue>), Failure> {
        json_in(&delivery.encoding, body, |json| {
            let host = self.repository.host();
            let facts = facts(&host, &delivery.event_type, self.repository.as_str(), json)?;
            Ok((facts, sync_issue(&parse(&host, &delivery.event_type, json)?)))
        })
    }
}
