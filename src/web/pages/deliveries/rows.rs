//! One delivery in words, as a row of a list.

use std::collections::{BTreeSet, HashMap};

use super::super::query::Params;
use super::super::spans::{exact, length, when};
use super::Mark;
use crate::board::{cut, short_key};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::store::deliveries::{Delivery, DeliveryStatus};
use crate::store::{Store, StoreResult};

/// One delivery in words.
pub(super) struct Row {
    pub(super) mark: Mark,
    pub(super) status: Tag,
    pub(super) link: String,
    /// `plane/7f3c…`.
    pub(super) name: String,
    pub(super) event: String,
    /// Who found it; empty for what was sent.
    pub(super) found: &'static str,
    pub(super) repository: String,
    pub(super) item: Option<(WorkItemRef, String)>,
    pub(super) time: String,
    pub(super) exact: String,
    pub(super) lag: String,
    pub(super) attempts: i64,
    pub(super) why: String,
    pub(super) opened: bool,
}

impl Row {
    pub(super) fn new(
        delivery: &Delivery,
        keys: &HashMap<WorkItemRef, String>,
        params: &Params,
        now: Timestamp,
    ) -> Self {
        let item = delivery.item.as_ref().and_then(|i| Some((i.clone(), keys.get(i)?.clone())));
        let why = delivery.last_error.as_ref().or(delivery.result.as_ref());
        let lag = delivery.processed_at.filter(|_| delivery.status == DeliveryStatus::Processed);
        let name = format!("{}/{}", delivery.source, delivery.delivery_id);
        let opened = [("open", Some(name.as_str())), ("queued", None), ("left", None)];
        Self {
            mark: delivery.source.into(),
            status: Tag::of(delivery),
            link: params.link("/deliveries", &opened) + "#opened",
            opened: params.text("open").as_deref() == Some(name.as_str()),
            event: cut(&delivery.event(), 60),
            found: delivery.origin.found_by().unwrap_or_default(),
            repository: delivery.repository.clone().unwrap_or_default(),
            item,
            time: when(delivery.received_at, now),
            exact: exact(delivery.received_at),
            lag: lag.map(|at| length(delivery.received_at, at)).unwrap_or_default(),
            attempts: delivery.attempts,
            why: why.map(|text| cut(text, 300)).unwrap_or_default(),
            name,
        }
    }
}

/// Icon, tone and word of a status.
pub(in super::super) struct Tag {
    pub(in super::super) icon: &'static str,
    pub(in super::super) tone: &'static str,
    pub(in super::super) word: &'static str,
}

impl Tag {
    pub(in super::super) fn of(delivery: &Delivery) -> Self {
        let (icon, tone, word) = match delivery.status {
            DeliveryStatus::Processed => ("ok", "is-good", "processed"),
            DeliveryStatus::Failed => ("dead", "is-bad", "failed"),
            DeliveryStatus::Received if delivery.last_error.is_some() => {
                ("attempt", "is-warn", "retrying")
            }
            DeliveryStatus::Received => ("inbox", "is-wait", "received"),
        };
        Self { icon, tone, word }
    }
}

/// The keys of the items that these are about.
pub(super) async fn keys(
    store: &Store,
    deliveries: &[Delivery],
) -> StoreResult<HashMap<WorkItemRef, String>> {
    let items: BTreeSet<&WorkItemRef> = deliveries.iter().filter_map(|d| d.item.as_ref()).collect();
    let known = store.work_items_by_ref(&items.into_iter().collect::<Vec<_>>()).await?;
    Ok(known.into_iter().map(|item| (item.item.clone(), cut(&short_key(&item), 24))).collect())
}

/// Where a delivery's page is.
pub(in super::super) fn address(source: Source, id: &DeliveryId) -> String {
    let id = askama::filters::urlencode_strict(id.as_str()).map(|i| i.to_string());
    format!("/deliveries/{source}/{}", id.unwrap_or_default())
}
