//! One delivery, opened: its facts, its attempts, its body, and what is known of its headers.
//!
//! Headers are not kept: what was in them that counts is in the delivery's columns. Of a signature
//! it is known only that it was right, for a delivery with a wrong one is never stored.

use super::super::json_text::{End, INPUT, JsonText, lay_out};
use super::super::spans::{exact, length};
use super::super::work_item::Entry;
use super::rows::{Tag, address};
use super::{Mark, Problem, WebState};
use crate::board::{cut, short_key};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::config::UnsignedWebhooks;
use crate::ids::DeliveryId;
use crate::sources::{Encoding, Source};
use crate::store::deliveries::{Delivery, DeliveryStatus};

/// Attempts that are shown.
const ATTEMPTS: usize = 200;

/// A delivery with everything that a page says of it.
pub(in super::super) struct Panel {
    pub(in super::super) delivery: Delivery,
    pub(in super::super) mark: Mark,
    pub(in super::super) status: Tag,
    pub(in super::super) event: String,
    pub(in super::super) address: String,
    /// Reference and key of the items: its own, then those that are kept in step with it.
    pub(in super::super) items: Vec<(String, String)>,
    pub(in super::super) attempts: Vec<Entry>,
    pub(in super::super) body: Option<JsonText>,
    /// When retention dropped the body.
    pub(in super::super) dropped: Option<String>,
    /// Names and values of headers.
    pub(in super::super) headers: Vec<(&'static str, String)>,
    /// The header of the signature, and whether each delivery must have a right one.
    pub(in super::super) signature: (&'static str, Signature),
}

/// What is known of a delivery's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Signature {
    /// It was right.
    Valid,
    /// It was right if there was one: unsigned ones are accepted.
    ValidIfAny,
}

impl Panel {
    /// Where its repository's page is.
    pub(in super::super) fn repository_address(&self) -> String {
        let name = self.delivery.repository.as_deref().and_then(|name| name.parse().ok());
        name.map_or_else(String::new, |name: RepositoryName| {
            format!("/repositories/{}", name.path())
        })
    }

    /// `None` where there is no such delivery.
    pub(in super::super) async fn read(
        web: &WebState,
        source: Source,
        id: &DeliveryId,
        now: Timestamp,
    ) -> Result<Option<Self>, Problem> {
        let Some((delivery, body)) = web.store.delivery(source, id).await? else {
            return Ok(None);
        };
        let mut timeline = web.store.delivery_timeline(source, id).await?;
        timeline.reverse();
        let mut items = Vec::new();
        if let Some(item) = &delivery.item {
            let mut refs = web.store.twins_of(item).await?;
            refs.insert(0, item.clone());
            let known = web.store.work_items_by_ref(&refs.iter().collect::<Vec<_>>()).await?;
            for item in refs {
                let found = known.iter().find(|known| known.item == item);
                items.extend(found.map(|i| (i.item.to_string(), cut(&short_key(i), 40))));
            }
        }
        let dropped = match &body {
            None => web.store.body_dropped_at(source, id).await?.map(exact),
            Some(_) => None,
        };
        Ok(Some(Self {
            mark: source.into(),
            status: Tag::of(&delivery),
            event: cut(&delivery.event(), 120),
            address: address(source, id),
            items,
            attempts: timeline.iter().take(ATTEMPTS).map(|entry| Entry::new(entry, now)).collect(),
            body: body.map(|body| shown(&delivery, &body)),
            dropped,
            headers: headers(&delivery),
            signature: signature(source, web.setup.github_unsigned),
            delivery,
        }))
    }

    pub(in super::super) fn cut_after(&self) -> Option<String> {
        let body = self.body.as_ref().filter(|body| body.end == End::Cut)?;
        (!body.runs.is_empty()).then(|| format!("{} KiB", INPUT / 1024))
    }

    pub(in super::super) fn is_failed(&self) -> bool {
        self.delivery.status == DeliveryStatus::Failed
    }

    pub(in super::super) fn received(&self) -> String {
        exact(self.delivery.received_at)
    }

    pub(in super::super) fn worked_off(&self) -> Option<(String, String)> {
        let at = self.delivery.processed_at?;
        Some((exact(at), length(self.delivery.received_at, at)))
    }

    pub(in super::super) fn is_signed(&self) -> bool {
        self.signature.1 == Signature::Valid
    }
}

fn shown(delivery: &Delivery, body: &[u8]) -> JsonText {
    match encoding(delivery).json_of(body) {
        Some(json) => lay_out(&json),
        None => lay_out(body),
    }
}

fn encoding(delivery: &Delivery) -> Encoding {
    let form = delivery.encoding == Encoding::Form.as_str();
    if form { Encoding::Form } else { Encoding::Json }
}

fn headers(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let id = delivery.delivery_id.to_string();
    let names = match delivery.source {
        // Its event is read off the body, too, and need not be the header's word.
        Source::Plane => [("x-plane-delivery", id), ("event", delivery.event_type.clone())],
        Source::Github => {
            [("x-github-delivery", id), ("x-github-event", delivery.event_type.clone())]
        }
    };
    let content_type = match encoding(delivery) {
        Encoding::Json => "application/json",
        Encoding::Form => "application/x-www-form-urlencoded",
    };
    let rest = [
        ("content-type", content_type.to_owned()),
        ("content-length", delivery.body_bytes.to_string()),
    ];
    names.into_iter().chain(rest).collect()
}

fn signature(source: Source, unsigned: UnsignedWebhooks) -> (&'static str, Signature) {
    match (source, unsigned) {
        (Source::Plane, _) => ("x-plane-signature", Signature::Valid),
        (Source::Github, UnsignedWebhooks::Refuse) => ("x-hub-signature-256", Signature::Valid),
        (Source::Github, UnsignedWebhooks::Accept) => {
            ("x-hub-signature-256", Signature::ValidIfAny)
        }
    }
}
