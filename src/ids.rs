//! Names of things, each a type of its own, so that a delivery id can't stand where an item's
//! reference belongs. No rule about the things themselves lives here.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A delivery's id as its sender gave it (`X-Plane-Delivery`, `X-GitHub-Delivery`).
    DeliveryId
}
text_id! {
    /// A sender's id of the event behind a delivery, equal over its retries (Plane v2 `event_id`).
    EventId
}
text_id! {
    /// `{system}:{id at the source}`, the primary key of `ops.work_items`.
    WorkItemRef
}
text_id! {
    /// The queue's lane: jobs of one lane run one after the other (`plane:issue:…`).
    Lane
}

text_id! {
    /// `{system}:{id at the source}`, the primary key of `ops.work_item_comments`.
    CommentRef
}

text_id! {
    /// A GitHub App's App ID, or its Client ID: GitHub takes either.
    AppId
}

/// `ops.repository_syncs.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepositorySyncId(pub i64);

/// `ops.work_queue.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many changes of items were committed up to and including this one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub i64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fencing token of one claim. Whoever no longer holds it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease(pub uuid::Uuid);
