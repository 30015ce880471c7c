//! Keeping a GitHub issue and its Plane work item in step: what each side holds, and the pure
//! decisions about it. A job fetches both sides, plans here, and makes the writes.
//!
//! Pure: no I/O, no clock. Deliberately absent: how either side is asked or told (`clients/`).

pub mod compare;
pub mod github;
pub mod home;
pub mod labels;
pub mod mapping;
pub mod markdown;
pub mod merge;
pub mod milestones;
pub mod parents;
pub mod plan;
pub mod plane;
pub mod pulls;
