//! GitHub: `issues`, `issue_comment`, `pull_request`, `pull_request_review`, `label`, `milestone` and
//! `sub_issues` webhooks in; items, comments and steps of labels out. `sub_issues` tells of an issue
//! and its parent, `milestone` of no item, but of what
//! items are put into.
//!
//! An item is known by numbers that survive a rename. An issue has its numeric id. A pull request
//! has two, its own and its issue half's, and no webhook tells both; what all of them tell is the
//! repository's id and the number, so these two name it.

pub mod closing;
pub mod facts;
pub mod found;
pub mod normalize;
pub mod payload;
pub mod verify;

/// Where GitHub posts its webhooks.
pub const ENDPOINT: &str = "/api/webhooks/github-mcp/";

/// The events that are kept and worked off; the others are answered and forgotten.
pub const EVENTS: [&str; 7] = [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "label",
    "milestone",
    "sub_issues",
];
