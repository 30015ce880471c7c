//! What deliveries of Plane's were read with, each text once, under a short key that stands beside
//! the delivery. What the texts mean is `sources/plane/read_with`'s business.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::jobs::Finished;
use super::rows::{Statement, statement};
use super::{Store, StoreResult, on_reader};
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::sources::plane::read_with::{ReadWith, key_of};

pub(super) const PUT_NAMES: Statement = statement!(
    "INSERT INTO plane_names (key, names) SELECT r.key, r.names FROM ",
    rows(key "text", names "json"),
    " WHERE true ORDER BY r.key ON CONFLICT (key) DO NOTHING"
);

/// The texts of a batch under their keys, and which delivery has which.
pub(super) struct Keys {
    texts: BTreeMap<String, String>,
    of: HashMap<DeliveryId, String>,
}

#[derive(Serialize)]
pub(super) struct NamesRow<'a> {
    key: &'a str,
    names: &'a serde_json::value::RawValue,
}

impl Keys {
    pub(super) fn of(read_with: &[(DeliveryId, ReadWith)]) -> Self {
        let mut keys = Self { texts: BTreeMap::new(), of: HashMap::new() };
        for (delivery, with) in read_with {
            let text = with.to_text();
            let key = key_of(&text);
            keys.texts.entry(key.clone()).or_insert(text);
            keys.of.insert(delivery.clone(), key);
        }
        keys
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn key(&self, finished: &Finished) -> Option<&str> {
        let is_plane = finished.entry.source == Source::Plane;
        self.of.get(&finished.entry.delivery_id).filter(|_| is_plane).map(String::as_str)
    }

    pub(super) fn rows(&self) -> Vec<NamesRow<'_>> {
        self.texts
            .iter()
            .filter_map(|(key, text)| {
                Some(NamesRow { key, names: serde_json::from_str(text).ok()? })
            })
            .collect()
    }
}

impl Store {
    /// The text under a key; `None` where there is none.
    pub async fn plane_names(&self, key: &str) -> StoreResult<Option<String>> {
        const ONE: &str = "SELECT CAST(names AS text) FROM plane_names WHERE key = $1";
        Ok(on_reader!(self, pool => sqlx::query_scalar(ONE).bind(key).fetch_optional(pool).await?))
    }
}
