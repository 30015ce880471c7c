//! What people do on a working day, by how often they do it.

use super::dice::Chance;
use super::{Action, Closing, Dice, IssueSeen, Scene};
use crate::demo::cast::{IN_PLANE, LABELS, PLACES, PLAYERS};
use crate::demo::texts::{ADDITIONS, COMMENTS, PLANE_COMMENTS, PLANE_ITEMS, PREFIXES, STORIES};

/// Fewer open issues than this, and people open more.
const FEW_OPEN: usize = 12;
/// With so many open issues nobody opens another one.
const MANY_OPEN: usize = 24;
/// Open pull requests at most.
const OPEN_PULLS: usize = 4;
/// Comments that an issue keeps.
const COMMENTS_KEPT: usize = 5;
/// A text that is longer is shortened, not added to. Bytes.
const LONG_TEXT: usize = 1200;
/// Plane's open states from left to right.
const OPEN_STATES: [&str; 3] = ["Backlog", "Todo", "In Progress"];

/// Anybody at GitHub.
pub(super) fn anybody(dice: &mut Dice) -> usize {
    dice.below(PLAYERS.len())
}

/// Somebody with an account in Plane.
pub(super) fn in_plane(dice: &mut Dice) -> usize {
    dice.below(IN_PLANE)
}

/// Something that can be done now; where nothing can, somebody opens an issue.
pub(super) fn something(scene: &Scene, dice: &mut Dice) -> Action {
    let open: Vec<&IssueSeen> = scene.open_issues().collect();
    let weight_of_opening = match open.len() {
        few if few < FEW_OPEN => 24,
        some if some < MANY_OPEN => 8,
        _ => 0,
    };
    let mut may = vec![(weight_of_opening, opened(scene, dice))];
    let mut add = |weight, action: Option<Action>| may.extend(action.map(|a| (weight, a)));
    add(9, edited(&open, dice));
    add(10, talked_of(&open, dice));
    add(8, labeled(&open, dice));
    add(7, assigned(&open, dice));
    add(if open.len() > FEW_OPEN { 9 } else { 3 }, closed(&open, dice));
    add(3, reopened(scene, dice));
    add(6, pull_opened(scene, &open, dice));
    add(8, merged(scene, dice));
    add(22, moved(&open, dice));
    add(4, said_in_plane(&open, dice));
    add(4, prioritized(&open, dice));
    add(3, written_in_plane(scene, dice));
    dice.weighed(may).unwrap_or_else(|| opened(scene, dice))
}

fn opened(scene: &Scene, dice: &mut Dice) -> Action {
    let first = dice.below(STORIES.len());
    let taken = |story: usize| {
        let title = STORIES[story].title;
        scene.issues.iter().any(|issue| issue.title.ends_with(title))
    };
    let from_first = (0..STORIES.len()).map(|n| (first + n) % STORIES.len());
    let story = from_first.into_iter().find(|story| !taken(*story)).unwrap_or(first);
    let place = [0, 0, 0, 1, 1, 1, 2][dice.below(7)];
    let assignee = (dice.percent(50) == Chance::Strikes).then(|| in_plane(dice));
    Action::Open { place, who: anybody(dice), story, assignee }
}

fn edited(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let who = anybody(dice);
    if dice.percent(30) == Chance::Strikes {
        let bare = PREFIXES.iter().find_map(|prefix| issue.title.strip_prefix(prefix));
        let title = match bare {
            Some(bare) => bare.to_owned(),
            None => format!("{}{}", dice.one_of(&PREFIXES)?, issue.title),
        };
        return Some(Action::Retitle { issue: issue.name, who, title });
    }
    let body = if issue.body.contains("- [ ]") && dice.percent(50) == Chance::Strikes {
        issue.body.replacen("- [ ]", "- [x]", 1)
    } else if issue.body.len() > LONG_TEXT {
        // The last paragraph, and never the first.
        let end = issue.body.rfind("\n\n").filter(|end| *end > 0)?;
        issue.body[..end].to_owned()
    } else {
        format!("{}\n\n{}", issue.body, dice.one_of(&ADDITIONS)?)
    };
    Some(Action::Rewrite { issue: issue.name, who, body })
}

fn talked_of(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let (name, who) = (issue.name, anybody(dice));
    let body = dice.one_of(&COMMENTS)?;
    Some(match issue.comments.first() {
        Some(oldest) if issue.comments.len() >= COMMENTS_KEPT => {
            Action::DeleteComment { issue: name, who, comment: *oldest }
        }
        Some(comment) if dice.percent(20) == Chance::Strikes => {
            Action::EditComment { issue: name, who, comment: *comment, body }
        }
        _ => Action::Comment { issue: name, who, body },
    })
}

fn labeled(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let (name, who) = (issue.name, anybody(dice));
    if issue.labels.len() > 2 {
        let label = dice.one_of(&issue.labels)?.clone();
        return Some(Action::Unlabel { issue: name, who, label });
    }
    let (label, _) = *dice.one_of(&LABELS)?;
    (!issue.labels.iter().any(|l| l == label)).then_some(Action::Label { issue: name, who, label })
}

fn assigned(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let (name, who) = (issue.name, in_plane(dice));
    if issue.assignees.len() > 1 || dice.percent(25) == Chance::Strikes {
        let login = dice.one_of(&issue.assignees)?.clone();
        return Some(Action::Unassign { issue: name, who, login });
    }
    let assignee = in_plane(dice);
    let login = PLAYERS[assignee].login;
    let already = issue.assignees.iter().any(|l| l == login);
    (!already).then_some(Action::Assign { issue: name, who, assignee })
}

/// What is worked on is closed first.
fn closed(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let in_work =
        |issue: &&IssueSeen| issue.twin.as_ref().is_none_or(|twin| twin.state == OPEN_STATES[2]);
    let in_work: Vec<_> = open.iter().copied().filter(in_work).collect();
    let from = if dice.percent(80) == Chance::Strikes { &in_work } else { open };
    let issue = dice.one_of(from)?;
    let why = match dice.below(6) {
        0 => Closing::NotPlanned,
        1 => Closing::Duplicate,
        _ => Closing::Completed,
    };
    Some(Action::Close { issue: issue.name, who: anybody(dice), why })
}

fn reopened(scene: &Scene, dice: &mut Dice) -> Option<Action> {
    let closed: Vec<_> = scene.issues.iter().filter(|issue| !issue.open).collect();
    let issue = dice.one_of(&closed).filter(|issue| !scene.is_in_trouble(issue.name))?;
    Some(Action::Reopen { issue: issue.name, who: anybody(dice) })
}

fn pull_opened(scene: &Scene, open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let busy = |pull: &&super::PullSeen| pull.open;
    let there = scene.pulls.iter().any(|pull| pull.open && pull.closes == Some(issue.name));
    if there || scene.pulls.iter().filter(busy).count() >= OPEN_PULLS {
        return None;
    }
    let bare = PREFIXES.iter().find_map(|prefix| issue.title.strip_prefix(prefix));
    let title = format!("Fix: {}", bare.unwrap_or(&issue.title));
    Some(Action::OpenPull { issue: issue.name, who: in_plane(dice), title })
}

fn merged(scene: &Scene, dice: &mut Dice) -> Option<Action> {
    let open: Vec<_> = scene.pulls.iter().filter(|pull| pull.open).collect();
    let pull = dice.one_of(&open)?;
    let closes = pull.closes.filter(|name| !scene.is_in_trouble(*name));
    Some(Action::Merge { pull: pull.name, who: in_plane(dice), closes })
}

/// Mostly to the right.
fn moved(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let with_twin: Vec<_> = open.iter().filter(|issue| issue.twin.is_some()).collect();
    let issue = dice.one_of(&with_twin)?;
    let twin = issue.twin.as_ref()?;
    let at = OPEN_STATES.iter().position(|state| *state == twin.state)?;
    let to = match dice.percent(85) {
        Chance::Strikes => at + 1,
        Chance::Passes => at.checked_sub(1)?,
    };
    let to = OPEN_STATES.get(to)?;
    Some(Action::Move { issue: issue.name, item: twin.item, who: in_plane(dice), to })
}

fn said_in_plane(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let twin = issue.twin.as_ref().filter(|twin| twin.comments < 2 * COMMENTS_KEPT)?;
    let html = dice.one_of(&PLANE_COMMENTS)?;
    Some(Action::PlaneComment { issue: issue.name, item: twin.item, who: in_plane(dice), html })
}

fn prioritized(open: &[&IssueSeen], dice: &mut Dice) -> Option<Action> {
    let issue = dice.one_of(open)?;
    let item = issue.twin.as_ref()?.item;
    let priority = dice.one_of(&["urgent", "high", "medium", "low"])?;
    Some(Action::Prioritize { issue: issue.name, item, who: in_plane(dice), priority })
}

fn written_in_plane(scene: &Scene, dice: &mut Dice) -> Option<Action> {
    if dice.percent(60) == Chance::Strikes
        && let Some(item) = dice.one_of(&scene.own_items)
    {
        let to = dice.one_of(&["Todo", "In Progress", "Done"])?;
        return Some(Action::MoveOwn { item: *item, who: in_plane(dice), to });
    }
    let in_step = PLACES.iter().filter(|place| place.project.is_some()).count();
    let (place, text) = (dice.below(in_step), dice.below(PLANE_ITEMS.len()));
    Some(Action::WriteItem { place, who: in_plane(dice), text })
}
