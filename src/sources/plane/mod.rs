//! Plane: three dialects of webhook in, one [`Change`](crate::work_items::Change) out.
//!
//! What a real server sends (v1: `event`, `action`, `data`), what its documents describe (v2:
//! `workitem.created`, `event_id`, ids without names) and the contract's own (`issue.created`,
//! `issue`, `project`) are read by one lenient reader: where the item stands is found, not
//! configured. `ssot/sources/plane/work_items.yaml` is the same as data, held to by a test.

pub mod found;
pub mod normalize;
pub mod payload;
pub mod read_with;
pub mod verify;

/// Where Plane posts its webhooks.
pub const ENDPOINT: &str = "/api/webhooks/plane";
