//! What has to be written so that a work item says what its issue says. Pure: both sides, the
//! base that they last agreed on, and the mapping go in; intended writes, findings and the next
//! base come out. Whoever calls it records the writes, makes them, and hands each answer to
//! [`settle`].
//!
//! The rule for every field: a side that did not change since the base is not written. GitHub
//! leads, so where both changed GitHub's title and state win (and the timeline says so), sets are
//! merged, and text is merged or, where that would lose something, left alone as a conflict. A
//! second plan after the writes is empty. GitHub is written to for one field alone, assignees, and
//! only where the repository's direction is `both`; `people` has the rule of that.
//!
//! Races, and the decision for each:
//! - *A crash between a write and its record.* The intent was stored first, with the base that it
//!   leads to: [`resume`] finds out from the item whether the write was made and goes on from
//!   there. A made item is found by its external id, so there is no second one.
//! - *An item that is there without link or intent* (a lost database, an import). It is adopted:
//!   labels and assignees are added, none taken away; title and state follow GitHub; a text that
//!   differs is left.
//! - *A person moves the item while the issue stays open.* The state is written only when the
//!   issue was opened or closed since the base. A state that already says the same stays, too.
//! - *A person adds a label between our read and our write.* Plane takes whole lists only, so it
//!   is lost; reading right before writing keeps that moment short. What a person added before
//!   the read stays, and nothing is ever taken away that we did not put there.
//! - *A person takes away what we had put there.* It is not put back until GitHub takes it away
//!   and adds it again.
//! - *Plane drops or rewrites something with a 200.* [`settle`] takes the answer as the base: it
//!   is no person's edit, and it is not sent again. What is dropped is told, also where a person
//!   had put it there: somebody who left the project is lost with the next list that is written.
//! - *Our own webhook comes back*, before or after the answer was recorded. [`recognize`] compares
//!   states, base and open intents alike; who did it does not matter. Several webhooks a write,
//!   late ones and repeats all compare alike.
//! - *A webhook shows a mixture* of our write and a person's edit. That is a change; the next plan
//!   reads both sides afresh and finds nothing to write for our half.
//! - *Late and reordered GitHub events.* The caller reads the issue as it is now. Where it can't,
//!   an older state than the link's must not come here: the caller drops it by `updated_at`.
//! - *The issue is deleted or transferred.* The item is not deleted: unless it is closed already
//!   it moves to the state for `not_planned`, once. Somebody may have worked there.
//! - *The item is gone from Plane although linked.* It is not made again unless a person asks
//!   ([`WhenGone::Recreate`]); the link is broken, which says so. One that is only archived is then
//!   taken out of the archive: Plane would take no second one.
//! - *Rules want a state or a priority, or labels mean one.* They are written when what is wanted
//!   changed since the base, never over a person's choice otherwise. A state that rules no longer want gives way to the
//!   one that the issue's own state stands for; a priority stays.
//! - *A pull request changes between our look at it and our write.* Its own delivery follows, and
//!   what is decided hangs on how all of them stand then (`sync/pulls`).
//! - *The milestone changes.* What that means is decided apart from the item's fields
//!   (`sync/milestones`), after they are written.
//! - *A mapping changes.* It counts for what changes from then on, and at once for labels and
//!   people that had no counterpart.
//! - *A repository is renamed.* The item gets a second link; the old address still leads there.
//!
//! Deliberately absent: conversion of text, requests, times.

mod comments;
mod fields;
mod finding;
mod link;
mod people;
mod sets;
mod settle;
mod write;

pub use comments::{
    CommentListing, CommentPlan, GithubComments, RenderedComment, plan_comments, resume_comment,
    settle_comment,
};
pub use finding::Finding;
pub use link::{
    Base, CommentLink, CommentStanding, GithubSide, Link, LinkStatus, Own, PlaneSide, Wish,
    text_hash,
};
pub use people::{
    Assigning, PeopleByLogin, PersonInPlane, Standing, WriteBack, resume_agreed, resume_people,
    settle_people, still_wanted,
};
pub use settle::{Answered, ItemField, Recognized, Settled, recognize, resume, settle};
pub use write::Write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::github::Issue;
use super::mapping::Resolved;
use super::plane::Item;
use super::pulls::PullsNow;
use fields::Draft;

/// An issue's text in Plane's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The title, cut to Plane's limit.
    pub title: String,
    /// Whether it had to be cut.
    pub title_cut: bool,
    /// The description, never empty.
    pub description_html: String,
}

/// What came of merging two changed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMerge {
    /// One text that holds both changes.
    Merged(String),
    /// Not without losing something, and why.
    Conflict(String),
}

/// Merges `(base, GitHub's, Plane's)`, all three in Plane's form.
pub type MergeText<'a> = &'a dyn Fn(&str, &str, &str) -> TextMerge;

/// What to do about a linked item that Plane no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenGone {
    /// Nothing; the link is broken.
    #[default]
    MarkBroken,
    /// Make it again: a person asked for it.
    Recreate,
}

/// Both sides as they are now, and what is known of them.
pub struct Sides<'a> {
    /// GitHub's issue.
    pub issue: &'a Issue,
    /// Its text in Plane's form.
    pub rendered: &'a Rendered,
    /// The link; `None` while no item is known to be made.
    pub link: Option<&'a Link>,
    /// The item: by the link's id, without a link by its external id.
    pub item: Option<&'a Item>,
    /// How the pull requests about it stand; `None` where nothing follows them.
    pub pulls: Option<&'a PullsNow>,
    /// Whose words mean what.
    pub mapping: Resolved<'a>,
    /// What the repository's rules want beside the issue as they made it.
    pub ruled: &'a Ruled,
    /// How two changed texts become one.
    pub merge: MergeText<'a>,
    /// What to do when the linked item is gone.
    pub when_gone: WhenGone,
    /// Whether changes in Plane are written to GitHub.
    pub write_back: WriteBack,
}

/// What rules add to the issue that they made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruled {
    /// What a GitHub issue has no place for.
    pub wish: Wish,
    /// What GitHub itself says, where rules made something else of it.
    pub own: Option<Own>,
}

/// The end of an issue on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// Deleted.
    Deleted,
    /// Moved to another repository, where it has a new id.
    Transferred {
        /// Where to, where told: `owner/name#12` or an address.
        to: Option<String>,
    },
}

/// Which text a write carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentText {
    /// None, or one that is not GitHub's alone.
    #[default]
    Other,
    /// GitHub's alone: Plane's answer is its form there.
    Github,
}

/// Where the writes of a plan lead; recorded with the write of the item, so that a crash in
/// between loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The base once everything was made as intended.
    pub base: Base,
    /// Labels still to be made: GitHub's lower-case name and the name in Plane.
    pub new_labels: BTreeMap<String, String>,
    /// Which text is sent.
    pub text: SentText,
}

/// Intended writes in their order, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is to be written: labels, then the item, then its link, then GitHub's assignees.
    pub writes: Vec<Write>,
    /// For the timeline.
    pub findings: Vec<Finding>,
    /// How the link stands once the writes are made.
    pub status: LinkStatus,
    /// Where they lead. It may differ from the link's base without any write: settle it, too.
    pub expected: Expected,
}

/// Decides what has to be written for an issue that GitHub has.
pub fn plan(sides: &Sides<'_>) -> Plan {
    match (sides.link, sides.item) {
        (Some(link), Some(item)) => {
            let mut draft = Draft::update(&link.base, item);
            draft.everything(sides);
            draft.into_plan(sides)
        }
        (None, Some(item)) => {
            let mut draft = Draft::update(&Base::default(), item);
            draft.findings.push(Finding::Adopted { item: item.id.clone() });
            draft.everything(sides);
            draft.into_plan(sides)
        }
        (Some(link), None) if sides.when_gone == WhenGone::MarkBroken => Plan {
            writes: Vec::new(),
            findings: vec![Finding::ItemGone { item: link.item.clone() }],
            status: LinkStatus::Broken,
            expected: Expected { base: link.base.clone(), ..Expected::default() },
        },
        (_, None) => {
            let mut draft = Draft::create();
            draft.everything(sides);
            draft.into_plan(sides)
        }
    }
}

/// Decides where an item goes whose pull requests stand otherwise, its issue as it was.
pub fn plan_pulls(link: &Link, item: &Item, pulls: &PullsNow, mapping: Resolved<'_>) -> Plan {
    let mut draft = Draft::update(&link.base, item);
    draft.pulls(pulls, mapping);
    draft.into_writes(item)
}

/// Decides what has to be written for an issue that GitHub no longer has; `None` when there is
/// no link or nothing new.
pub fn plan_gone(
    gone: &Gone,
    link: Option<&Link>,
    item: Option<&Item>,
    mapping: Resolved<'_>,
) -> Option<Plan> {
    let link = link.filter(|link| !link.base.github.gone)?;
    let mut plan = match item {
        Some(item) => {
            let mut draft = Draft::update(&link.base, item);
            draft.end(mapping);
            draft.into_writes(item)
        }
        None => Plan {
            writes: Vec::new(),
            findings: vec![Finding::ItemGone { item: link.item.clone() }],
            status: LinkStatus::Broken,
            expected: Expected { base: link.base.clone(), ..Expected::default() },
        },
    };
    plan.expected.base.github.gone = true;
    let finding = match gone {
        Gone::Deleted => Finding::IssueDeleted,
        Gone::Transferred { to } => Finding::IssueTransferred { to: to.clone() },
    };
    plan.findings.insert(0, finding);
    Some(plan)
}
