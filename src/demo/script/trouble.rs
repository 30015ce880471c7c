//! When something goes wrong, and when somebody mends it.
//!
//! The rule: every trouble ends by itself or is mended after a while, so that both sides always
//! come to rest; there is never more than one of a kind that needs mending.

use super::{Action, Dice, IssueSeen, Scene, Trouble, people};
use crate::demo::cast::{IN_PLANE, PLAYERS};
use crate::demo::texts::REWORDINGS;

/// Steps before the first round: whoever opens the board finds it in step.
pub(super) const CALM: u64 = 20;
/// Steps from one round of troubles to the next.
const ROUND: u64 = 48;
/// Open issues that may be somebody's who is unknown in Plane.
const UNKNOWN_ASSIGNEES: usize = 2;

/// How many steps a trouble stays before somebody mends it; long enough to look at it.
fn patience(trouble: Trouble) -> u64 {
    match trouble {
        Trouble::LostWebhook => 6,
        Trouble::Conflict(_) => 16,
        Trouble::DeadDelivery => 20,
        // They pass by themselves.
        Trouble::DoubledWebhook
        | Trouble::OvertakenWebhook
        | Trouble::PlaneDown
        | Trouble::LostAnswer
        | Trouble::PlaneLimit
        | Trouble::GithubLimit => u64::MAX,
    }
}

/// What has waited long enough.
pub(super) fn overdue(step: u64, scene: &Scene) -> Option<Action> {
    let due = |end: &&super::LooseEnd| step.saturating_sub(end.since) >= patience(end.trouble);
    scene.loose_ends.iter().find(due).map(|end| Action::Mend(end.trouble))
}

/// The trouble of this step, if it is one's turn.
pub(super) fn scheduled(step: u64, scene: &Scene, dice: &mut Dice) -> Option<Action> {
    let trouble = match step.checked_sub(CALM)? % ROUND {
        4 => return unknown_assignee(scene, dice),
        // The first one may meet an issue that is not in step yet.
        9..=11 => return clash(scene, dice),
        13 => Trouble::PlaneDown,
        17 => Trouble::DeadDelivery,
        22 => Trouble::DoubledWebhook,
        26 => Trouble::GithubLimit,
        31 => Trouble::LostWebhook,
        36 => Trouble::LostAnswer,
        40 => Trouble::OvertakenWebhook,
        44 => Trouble::PlaneLimit,
        _ => return None,
    };
    let there = scene.loose_ends.iter().any(|end| end.trouble == trouble);
    (!there).then_some(Action::Trouble(trouble))
}

fn unknown_assignee(scene: &Scene, dice: &mut Dice) -> Option<Action> {
    let unknown = PLAYERS.get(IN_PLANE)?.login;
    let is_theirs = |issue: &&IssueSeen| issue.assignees.iter().any(|login| login == unknown);
    if scene.open_issues().filter(is_theirs).count() >= UNKNOWN_ASSIGNEES {
        return None;
    }
    let others: Vec<_> =
        scene.open_issues().filter(|i| i.twin.is_some() && !is_theirs(i)).collect();
    let issue = dice.one_of(&others)?;
    Some(Action::Assign { issue: issue.name, who: people::in_plane(dice), assignee: IN_PLANE })
}

fn clash(scene: &Scene, dice: &mut Dice) -> Option<Action> {
    let one_is_there = |end: &super::LooseEnd| matches!(end.trouble, Trouble::Conflict(_));
    if scene.loose_ends.iter().any(one_is_there) {
        return None;
    }
    let calm = scene.open_issues().filter(|issue| !issue.body.is_empty());
    let calm = calm.filter_map(|issue| Some((issue.name, issue.twin.as_ref()?)));
    let calm: Vec<_> = calm.collect();
    let (issue, twin) = dice.one_of(&calm)?;
    let who = people::in_plane(dice);
    let other = (who + 1) % IN_PLANE;
    let words = dice.below(REWORDINGS.len());
    Some(Action::Clash { issue: *issue, item: twin.item, who, other, words })
}
