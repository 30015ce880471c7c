//! What a simulated Plane keeps, and what it shows to a test.

use serde_json::Value;
use uuid::Uuid;

use super::config::Role;
use crate::clock::Timestamp;
use crate::sync::milestones::BundleKind;

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its id.
    pub id: Uuid,
    /// `SYNC`.
    pub identifier: String,
    /// Its name.
    pub name: String,
    pub(super) description: String,
    pub(super) switches: Switches,
    pub(super) external: External,
    pub(super) created_by: Uuid,
    pub(super) stamps: Stamps,
}

/// What of a project can be switched on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Switches {
    pub cycles: bool,
    pub modules: bool,
}

/// The id that somebody else gave it, and who.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    /// `external_id`.
    pub id: Option<String>,
    /// `external_source`.
    pub source: Option<String>,
}

impl External {
    /// Whether both are told and equal.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.id.is_some() && self.source.is_some() && self == other
    }
}

/// When and by whom it was last written.
#[derive(Debug, Clone, Copy)]
pub struct Stamps {
    /// When it was made, or said to have been.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<Uuid>,
}

/// Somebody's place in a project.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    pub id: Uuid,
    pub project: Uuid,
    pub user: Uuid,
    pub role: Role,
    /// A removed member stays on the list, and can't be added again.
    pub active: bool,
}

/// A state of a project.
#[derive(Debug, Clone)]
pub struct State {
    /// Its id.
    pub id: Uuid,
    /// Its project.
    pub project: Uuid,
    /// Its name.
    pub name: String,
    /// `backlog`, `unstarted`, `started`, `completed` or `cancelled`.
    pub group: String,
    pub(super) color: String,
    pub(super) slug: String,
    pub(super) sequence: f64,
    pub(super) default: bool,
    pub(super) external: External,
    pub(super) created_by: Uuid,
    pub(super) stamps: Stamps,
}

/// A label of a project.
#[derive(Debug, Clone)]
pub struct Label {
    /// Its id.
    pub id: Uuid,
    /// Its project.
    pub project: Uuid,
    /// Its name.
    pub name: String,
    /// `#rrggbb`, or empty.
    pub color: String,
    /// Whose twin it is.
    pub external: External,
    pub(super) description: String,
    pub(super) sort_order: f64,
    pub(super) created_by: Uuid,
    pub(super) stamps: Stamps,
}

/// A work item.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id.
    pub id: Uuid,
    /// Its project.
    pub project: Uuid,
    /// The number in its key.
    pub sequence_id: u64,
    /// The title.
    pub name: String,
    /// The description, as stored.
    pub description_html: String,
    /// `urgent`, `high`, `medium`, `low` or `none`.
    pub priority: String,
    /// The state's id.
    pub state: Uuid,
    /// Ids of labels, in their own order.
    pub labels: Vec<Uuid>,
    /// Ids of users, in their own order.
    pub assignees: Vec<Uuid>,
    /// Whose twin it is.
    pub external: External,
    /// When it came into a completed state.
    pub completed_at: Option<Timestamp>,
    /// The day on which it was archived: still there, but shown nowhere.
    pub archived_at: Option<String>,
    /// Who made it, or is said to have.
    pub created_by: Uuid,
    /// When it was made and changed.
    pub stamps: Stamps,
    pub(super) description_json: Value,
    pub(super) start_date: Option<String>,
    pub(super) target_date: Option<String>,
    /// The item that it is under.
    pub parent: Option<Uuid>,
    pub(super) is_draft: bool,
    pub(super) sort_order: f64,
}

/// A comment on a work item.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its id.
    pub id: Uuid,
    /// Its project.
    pub project: Uuid,
    /// Its work item.
    pub item: Uuid,
    /// As sent, but for white space at both ends.
    pub comment_html: String,
    /// `INTERNAL` or `EXTERNAL`.
    pub access: String,
    /// Whose twin it is.
    pub external: External,
    /// Whose key or session made it.
    pub actor: Uuid,
    /// Who made it, or is said to have.
    pub created_by: Option<Uuid>,
    /// When it was edited in the web app; an edit by the API leaves it out.
    pub edited_at: Option<Timestamp>,
    /// When it was made and changed.
    pub stamps: Stamps,
    pub(super) description: Uuid,
}

/// A link on a work item.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its id.
    pub id: Uuid,
    /// Its project.
    pub project: Uuid,
    /// Its work item.
    pub item: Uuid,
    /// The address.
    pub url: String,
    /// Its words.
    pub title: Option<String>,
    pub(super) metadata: Value,
    pub(super) created_by: Option<Uuid>,
    pub(super) stamps: Stamps,
}

/// A module or a cycle.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its id.
    pub id: Uuid,
    /// Its project.
    pub project: Uuid,
    /// What it is.
    pub kind: BundleKind,
    /// Its name.
    pub name: String,
    /// Its text.
    pub description: String,
    /// A module's first day, the moment at which a cycle begins.
    pub first: Option<String>,
    /// A module's last day, the moment at which a cycle ends.
    pub last: Option<String>,
    /// Whose twin it is.
    pub external: External,
    pub(super) archived: bool,
    pub(super) items: Vec<Uuid>,
    pub(super) created_by: Uuid,
    pub(super) stamps: Stamps,
}

/// Whether a request could change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// GET.
    Read,
    /// POST, PATCH, PUT, DELETE.
    Write,
}

/// A request that came, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// `POST`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The answer's status; `None` when none was given.
    pub status: Option<u16>,
    /// Whether it could change something.
    pub kind: RequestKind,
}

/// A webhook as it was sent, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentWebhook {
    /// `X-Plane-Delivery`.
    pub delivery_id: Uuid,
    /// `X-Plane-Event`.
    pub event: String,
    /// `created`, `updated` or `deleted`.
    pub action: String,
    /// The field of an update.
    pub field: Option<String>,
    /// The exact body.
    pub body: String,
    /// The receiver's status; `None` when there was no answer.
    pub status: Option<u16>,
}
