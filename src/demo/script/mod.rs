//! What happens next: pure. Seed, step and what exists go in, one action comes out, so that a play
//! can be repeated and tested.
//!
//! Rules: nothing grows without limit (what is old is cleared away), every fault is mended after a
//! while, and every so often each kind of trouble is there once (`trouble`), so that whoever
//! watches for two minutes has seen them all. People in Plane move items between open states and
//! leave closing to GitHub, which leads.
//!
//! Deliberately absent: doing it (`acting`), and how much time passes in between (`pace`).

mod dice;
mod people;
mod scene;
mod trouble;

pub use dice::Dice;
pub use scene::{IssueName, IssueSeen, LooseEnd, OwnItem, PullSeen, Scene, Trouble, Twin};

use uuid::Uuid;

use super::cast::PLACES;
use super::texts::STORIES;

/// Closed issues that stay.
const CLOSED_ISSUES: usize = 18;
/// Closed pull requests that stay.
const CLOSED_PULLS: usize = 6;
/// Items of Plane's own that stay.
const OWN_ITEMS: usize = 5;
/// Issues that are there when the curtain rises.
const FIRST_ISSUES: usize = 15;

/// Who acts: a place in [`super::cast::PLAYERS`].
pub type Who = usize;

/// Why somebody closes an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Done.
    Completed,
    /// Won't be done.
    NotPlanned,
    /// Another one has it.
    Duplicate,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Action {
    /// Somebody opens an issue: a place in the stories.
    Open { place: usize, who: Who, story: usize, assignee: Option<Who> },
    /// Somebody writes another title.
    Retitle { issue: IssueName, who: Who, title: String },
    /// Somebody writes another text.
    Rewrite { issue: IssueName, who: Who, body: String },
    /// Somebody adds a label.
    Label { issue: IssueName, who: Who, label: &'static str },
    /// Somebody takes a label off.
    Unlabel { issue: IssueName, who: Who, label: String },
    /// Somebody is to do it.
    Assign { issue: IssueName, who: Who, assignee: Who },
    /// Somebody is not to do it any more.
    Unassign { issue: IssueName, who: Who, login: String },
    /// Somebody comments.
    Comment { issue: IssueName, who: Who, body: &'static str },
    /// Somebody changes a comment.
    EditComment { issue: IssueName, who: Who, comment: u64, body: &'static str },
    /// Somebody deletes a comment.
    DeleteComment { issue: IssueName, who: Who, comment: u64 },
    /// Somebody closes an issue.
    Close { issue: IssueName, who: Who, why: Closing },
    /// Somebody opens it again.
    Reopen { issue: IssueName, who: Who },
    /// Somebody opens a pull request that will close the issue.
    OpenPull { issue: IssueName, who: Who, title: String },
    /// Somebody merges it, which closes the issue.
    Merge { pull: IssueName, who: Who, closes: Option<IssueName> },
    /// Somebody in Plane moves an item to the state of this name.
    Move { issue: IssueName, item: Uuid, who: Who, to: &'static str },
    /// Somebody in Plane says how urgent an item is.
    Prioritize { issue: IssueName, item: Uuid, who: Who, priority: &'static str },
    /// Somebody comments in Plane.
    PlaneComment { issue: IssueName, item: Uuid, who: Who, html: &'static str },
    /// Somebody writes an item in Plane: a place in the texts.
    WriteItem { place: usize, who: Who, text: usize },
    /// Somebody moves such an item.
    MoveOwn { item: OwnItem, who: Who, to: &'static str },
    /// Both sides change the same paragraph: a place in the rewordings.
    Clash { issue: IssueName, item: Uuid, who: Who, other: Who, words: usize },
    /// Something goes wrong from here on.
    Trouble(Trouble),
    /// Somebody mends what went wrong.
    Mend(Trouble),
    /// An old issue is deleted.
    ClearIssue { issue: IssueName, twin: Option<Uuid> },
    /// An old pull request is cleared away.
    ClearPull { pull: IssueName },
    /// An old item of Plane's own is deleted.
    ClearItem { item: OwnItem },
}

/// What is there before anybody looks.
pub fn opening(seed: u64) -> Vec<Action> {
    let mut dice = Dice::new(seed, u64::MAX);
    let first = dice.below(STORIES.len());
    let open = |number: usize| {
        // The third place is small.
        let place = if number % 7 == 6 { 2 } else { number % 2 };
        let assignee = (!number.is_multiple_of(3)).then(|| people::in_plane(&mut dice));
        Action::Open {
            place,
            who: people::anybody(&mut dice),
            story: (first + number) % STORIES.len(),
            assignee,
        }
    };
    let mut all: Vec<_> = (0..FIRST_ISSUES).map(open).collect();
    let own = (0..2).map(|text| Action::WriteItem { place: text % PLACES.len(), who: text, text });
    all.extend(own);
    all
}

/// What happens at `step`.
pub fn next(seed: u64, step: u64, scene: &Scene) -> Action {
    let mut dice = Dice::new(seed, step);
    trouble::overdue(step, scene)
        .or_else(|| clearing(scene))
        .or_else(|| trouble::scheduled(step, scene, &mut dice))
        .unwrap_or_else(|| people::something(scene, &mut dice))
}

/// What is old goes, the oldest first.
fn clearing(scene: &Scene) -> Option<Action> {
    let closed: Vec<_> = scene.issues.iter().filter(|issue| !issue.open).collect();
    let free = |issue: &&&IssueSeen| !scene.is_in_trouble(issue.name);
    if closed.len() > CLOSED_ISSUES
        && let Some(old) = closed.iter().filter(free).min_by_key(|issue| issue.changed)
    {
        let twin = old.twin.as_ref().map(|twin| twin.item);
        return Some(Action::ClearIssue { issue: old.name, twin });
    }
    let closed: Vec<_> = scene.pulls.iter().filter(|pull| !pull.open).collect();
    if closed.len() > CLOSED_PULLS
        && let Some(old) = closed.iter().min_by_key(|pull| pull.name.number)
    {
        return Some(Action::ClearPull { pull: old.name });
    }
    let oldest = scene.own_items.first().filter(|_| scene.own_items.len() > OWN_ITEMS)?;
    Some(Action::ClearItem { item: *oldest })
}

#[cfg(test)]
mod tests;
