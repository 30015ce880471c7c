//! Assignees of a repository whose direction is `both`: a three-way merge, person by person.
//!
//! A person is a member of Plane's project; logins stand for members by the mapping, the same one in
//! both ways. The rule, with "had" for what both sides last agreed on:
//!
//! | had | GitHub | Plane | so |
//! |---|---|---|---|
//! | yes | yes | no | taken off on GitHub |
//! | yes | no | yes | taken off in Plane |
//! | no | yes | no | added in Plane |
//! | no | no | yes | added on GitHub |
//! | any | the same on both | | nothing |
//!
//! Nobody is wiped for being unknown: a login without a member stays on GitHub, a member without a
//! login stays in Plane. Whom a side left out of a write without a word is remembered and left alone
//! until that person's standing changes or somebody asks: else each sync would write it again.
//!
//! Races, and the decision for each:
//! - *A crash between a write and its record.* What is still to be written to GitHub is no part of the
//!   base before GitHub has answered. What was intended is looked for on the issue and taken up
//!   ([`resume_people`]); where it is not to be seen, the next plan goes by both sides as they are.
//! - *A mapping changes.* A login that was agreed on keeps its member as long as they are one.
//! - *Somebody leaves the project.* They are no removal: their login stays on GitHub as an unknown one.
//! - *Rules set the assignees.* Then what GitHub has is not what the rules want, and nothing goes back.
//!
//! Deliberately absent: who wrote it; state decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Base, Finding, Settled, Write};
use crate::sync::github::{Account, Issue};
use crate::sync::mapping::Resolved;

/// GitHub's own limit, of one issue and of one request.
const MOST_ASSIGNEES: usize = 10;

/// Whether changes in Plane are written to GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteBack {
    /// GitHub leads, Plane follows.
    #[default]
    Nothing,
    /// Who works on it.
    Assignees,
}

/// How one of Plane's users stood on both sides when they were last brought in step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// Assigned on both.
    Both,
    /// On GitHub alone: Plane left them out of a write.
    LeftOutByPlane,
    /// In Plane alone: GitHub left this login out of a write.
    LeftOutByGithub {
        /// In lower case.
        login: String,
    },
    /// On GitHub alone: GitHub did not take them off.
    KeptByGithub,
}

/// Which way an assignment on GitHub is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assigning {
    /// Somebody comes.
    Add,
    /// Somebody goes.
    Remove,
}

/// Somebody whose assignment on GitHub is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonInPlane {
    /// The user's id.
    pub id: String,
    /// Their name.
    pub name: String,
}

/// By lower-case login.
pub type PeopleByLogin = BTreeMap<String, PersonInPlane>;

/// Whether refusals are tried once more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    LeftAlone,
    /// A person asks.
    TriedAgain,
}

/// Both sides of the assignees.
pub(super) struct PeopleSides<'a> {
    pub(super) base: &'a Base,
    pub(super) assigned: &'a [Account],
    pub(super) present: &'a BTreeSet<String>,
    pub(super) mapping: Resolved<'a>,
    pub(super) refused: Refused,
}

/// What the assignees are to be on both sides, and the base before GitHub has answered.
#[derive(Default)]
pub(super) struct PeoplePlan {
    /// In Plane.
    pub(super) set: BTreeSet<String>,
    /// In Plane, as far as it is agreed on: who is still to be written to GitHub is as before.
    pub(super) agreed: BTreeSet<String>,
    pub(super) told: BTreeMap<String, Option<String>>,
    pub(super) ours: BTreeSet<String>,
    pub(super) standing: BTreeMap<String, Standing>,
    pub(super) assign: PeopleByLogin,
    pub(super) unassign: PeopleByLogin,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn merge_people(sides: &PeopleSides<'_>) -> PeoplePlan {
    let mut plan = PeoplePlan { set: sides.present.clone(), ..PeoplePlan::default() };
    let logins = plan.who_is_who(sides);
    let before = stood(sides.base);
    let all: BTreeSet<&String> = logins.keys().chain(sides.present).chain(before.keys()).collect();
    let mut added = BTreeSet::new();
    for id in all {
        let assigned = logins.get(id).map(Vec::as_slice).unwrap_or_default();
        let is_there = (!assigned.is_empty(), sides.present.contains(id));
        let standing = before.get(id).filter(|s| !s.is_tried_again(sides.refused));
        match (standing, is_there) {
            (_, (true, true)) => plan.stands(id, Standing::Both),
            (_, (false, false)) => {}
            (Some(Standing::Both), (true, false)) => {
                plan.takes_off(id, assigned, sides.mapping);
            }
            (Some(Standing::Both), (false, true)) => {
                plan.set.remove(id);
            }
            (Some(known @ (Standing::LeftOutByPlane | Standing::KeptByGithub)), (true, false)) => {
                plan.stands(id, known.clone());
            }
            (_, (true, false)) if before.get(id) == Some(&Standing::KeptByGithub) => {
                plan.takes_off(id, assigned, sides.mapping);
            }
            (_, (true, false)) => {
                plan.set.insert(id.clone());
                added.insert(id.clone());
                plan.stands(id, Standing::Both);
            }
            (standing, (false, true)) => plan.only_in_plane(id, standing, sides.mapping),
        }
    }
    let kept = sides.base.our_assignees.intersection(&plan.set);
    plan.ours = kept.chain(&added).cloned().collect();
    let comes: BTreeSet<_> = plan.assign.values().map(|person| person.id.clone()).collect();
    let goes = plan.unassign.values().map(|person| person.id.clone());
    plan.agreed = plan.set.difference(&comes).cloned().chain(goes).collect();
    plan
}

impl Standing {
    /// Whether it is no reason to leave somebody alone, now that a person asks.
    fn is_tried_again(&self, refused: Refused) -> bool {
        *self != Self::Both && refused == Refused::TriedAgain
    }
}

impl PeoplePlan {
    fn stands(&mut self, id: &str, standing: Standing) {
        self.standing.insert(id.to_owned(), standing);
    }

    /// The logins that are assigned on GitHub, by the user that each stands for.
    fn who_is_who(&mut self, sides: &PeopleSides<'_>) -> BTreeMap<String, Vec<String>> {
        let (base, mapping) = (&sides.base.github.assignees, sides.mapping);
        let is_known =
            |id: &&String| mapping.member_by_id(id).is_some() || sides.present.contains(*id);
        let mut logins: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for account in sides.assigned {
            let login = account.login.to_lowercase();
            let agreed = base.get(&login).and_then(Option::as_ref).filter(is_known);
            let id = match agreed {
                Some(id) => Some(id.clone()),
                None => match mapping.member(&account.login) {
                    Ok(member) => member.map(|member| member.id.clone()),
                    Err(finding) => {
                        self.findings.push(finding);
                        None
                    }
                },
            };
            if let Some(id) = &id {
                logins.entry(id.clone()).or_default().push(login.clone());
            }
            self.told.insert(login, id);
        }
        logins
    }

    /// Somebody who is on GitHub still and is to be taken off there; until GitHub has answered they
    /// are agreed on.
    fn takes_off(&mut self, id: &str, logins: &[String], mapping: Resolved<'_>) {
        self.stands(id, Standing::Both);
        let person = person(mapping, id);
        self.unassign.extend(logins.iter().map(|login| (login.clone(), person.clone())));
    }

    /// Somebody who is assigned in Plane alone, and is to be on GitHub, too.
    fn only_in_plane(&mut self, id: &str, standing: Option<&Standing>, mapping: Resolved<'_>) {
        let Some(member) = mapping.member_by_id(id) else { return };
        match mapping.login(member) {
            Ok(Some(login)) => {
                let left_out = Standing::LeftOutByGithub { login: login.clone() };
                if standing == Some(&left_out) {
                    self.stands(id, left_out);
                } else {
                    self.assign.insert(login, person(mapping, id));
                }
            }
            Ok(None) => {}
            Err(finding) => self.findings.push(finding),
        }
    }

    /// The writes to GitHub: first who goes, which makes room, then who comes.
    pub(super) fn writes(&self, issue: &Issue) -> Vec<Write> {
        let ways = [(Assigning::Remove, &self.unassign), (Assigning::Add, &self.assign)];
        let mut writes = Vec::new();
        for (assigning, people) in ways {
            let all: Vec<_> = people.iter().map(|(l, p)| (l.clone(), p.clone())).collect();
            writes.extend(all.chunks(MOST_ASSIGNEES).map(|part| Write::ChangeAssignees {
                repository: issue.repository.clone(),
                number: issue.number,
                assigning,
                people: part.iter().cloned().collect(),
            }));
        }
        writes
    }
}

/// How everybody stood. Where assignees were carried over one way until now, who was agreed on is who
/// was on both sides then.
fn stood(base: &Base) -> BTreeMap<String, Standing> {
    if let Some(people) = &base.people {
        return people.clone();
    }
    let told = base.github.assignees.values().flatten();
    let agreed = told.filter(|id| base.plane.assignees.contains(*id));
    agreed.map(|id| (id.clone(), Standing::Both)).collect()
}

fn person(mapping: Resolved<'_>, id: &str) -> PersonInPlane {
    PersonInPlane { id: id.to_owned(), name: mapping.member_name(id) }
}

/// What the base is once GitHub has answered a write of its assignees: whom it left out without a word
/// is told, and not written again. Every other write changes nothing here.
pub fn settle_people(base: &Base, sent: &Write, assigned: &[Account]) -> Settled {
    let mut settled = Settled { base: base.clone(), findings: Vec::new() };
    let Write::ChangeAssignees { repository, number, assigning, people } = sent else {
        return settled;
    };
    settled.base.people = Some(stood(base));
    let there = logins_of(assigned);
    for (login, person) in people {
        let finding = match assigning {
            Assigning::Add => settled.base.assigned(login, person, &there),
            Assigning::Remove => settled.base.unassigned(login, person, &there),
        };
        let told = || (login.clone(), repository.clone(), *number);
        settled.findings.extend(finding.map(|finding| finding(told())));
    }
    settled
}

/// What GitHub did not do, of this login in that repository's issue.
type NotDone = fn((String, String, u64)) -> Finding;

impl Base {
    fn assigned(
        &mut self,
        login: &str,
        person: &PersonInPlane,
        there: &BTreeSet<String>,
    ) -> Option<NotDone> {
        let standings = self.people.get_or_insert_default();
        self.plane.assignees.insert(person.id.clone());
        if there.contains(login) {
            self.github.assignees.insert(login.to_owned(), Some(person.id.clone()));
            standings.insert(person.id.clone(), Standing::Both);
            return None;
        }
        let left_out = Standing::LeftOutByGithub { login: login.to_owned() };
        standings.insert(person.id.clone(), left_out);
        Some(if there.len() >= MOST_ASSIGNEES {
            |(login, repository, number)| Finding::NoRoomForAssignee { login, repository, number }
        } else {
            |(login, repository, number)| Finding::NotAssignable { login, repository, number }
        })
    }

    fn unassigned(
        &mut self,
        login: &str,
        person: &PersonInPlane,
        there: &BTreeSet<String>,
    ) -> Option<NotDone> {
        let standings = self.people.get_or_insert_default();
        self.plane.assignees.remove(&person.id);
        if there.contains(login) {
            standings.insert(person.id.clone(), Standing::KeptByGithub);
            return Some(|(login, repository, number)| Finding::StillAssigned {
                login,
                repository,
                number,
            });
        }
        self.github.assignees.remove(login);
        if !self.github.assignees.values().flatten().any(|id| *id == person.id) {
            standings.remove(&person.id);
        }
        None
    }

    /// Plane's answer to a write of its assignees. Whom it left out stays on GitHub; who is still to be
    /// written there is as before.
    pub(super) fn people_answered(&mut self, sent: &BTreeSet<String>, stored: &BTreeSet<String>) {
        let comes: BTreeSet<_> = sent.difference(&self.plane.assignees).cloned().collect();
        let goes: BTreeSet<_> = self.plane.assignees.difference(sent).cloned().collect();
        self.plane.assignees = stored.difference(&comes).chain(&goes).cloned().collect();
        self.left_out_by_plane(sent.difference(stored));
    }

    fn left_out_by_plane<'a>(&mut self, ids: impl Iterator<Item = &'a String>) {
        let Some(standings) = &mut self.people else { return };
        for id in ids {
            if self.github.assignees.values().flatten().any(|known| known == id) {
                standings.insert(id.clone(), Standing::LeftOutByPlane);
            } else {
                standings.remove(id);
            }
        }
    }
}

fn logins_of(assigned: &[Account]) -> BTreeSet<String> {
    assigned.iter().map(|account| account.login.to_lowercase()).collect()
}

/// After a crash: the base if an intended write of GitHub's assignees was made after all, judged by the
/// issue as it is now. `None` when it was not: abandon the intent. Either way what is needed is planned
/// anew, and what a person did since then counts as done after the write.
pub fn resume_people(base: &Base, write: &Write, assigned: &[Account]) -> Option<Base> {
    let Write::ChangeAssignees { assigning, people, .. } = write else { return None };
    let there = logins_of(assigned);
    let is_made = match assigning {
        Assigning::Add => people.keys().all(|login| there.contains(login)),
        Assigning::Remove => !people.keys().any(|login| there.contains(login)),
    };
    is_made.then(|| settle_people(base, write, assigned).base)
}

/// After a crash in the middle of a write of the item that can't be told to have been made: who of it
/// is to be seen in Plane was on both sides then, and who is not any more was taken off both, whatever
/// a person did to either since.
pub fn resume_agreed(base: &Base, expected: &Base, in_plane: &BTreeSet<String>) -> Base {
    let Some(led_to) = &expected.people else { return base.clone() };
    let mut people = stood(base);
    people.retain(|id, _| led_to.contains_key(id) || in_plane.contains(id));
    let agreed = led_to.iter().filter(|(_, standing)| **standing == Standing::Both);
    let seen = agreed.filter(|(id, _)| in_plane.contains(*id));
    people.extend(seen.map(|(id, standing)| (id.clone(), standing.clone())));
    Base { people: Some(people), ..base.clone() }
}

/// The same write for those alone who are still assigned in Plane, or still not; `None` where it is
/// nobody. Plane may have left out whom its own write named just before.
pub fn still_wanted(write: Write, in_plane: &BTreeSet<String>) -> Option<Write> {
    let Write::ChangeAssignees { repository, number, assigning, mut people } = write else {
        return Some(write);
    };
    let is_wanted = assigning == Assigning::Add;
    people.retain(|_, person| in_plane.contains(&person.id) == is_wanted);
    let write = || Write::ChangeAssignees { repository, number, assigning, people: people.clone() };
    (!people.is_empty()).then(write)
}

/// The write in words: who, and why.
pub(super) fn words(assigning: Assigning, people: &PeopleByLogin) -> String {
    let list = |all: Vec<&str>| all.join(", ");
    let logins = list(people.keys().map(String::as_str).collect());
    let names = list(people.values().map(|person| person.name.as_str()).collect());
    let (many, were) = if people.len() == 1 { ("", "was") } else { ("s", "were") };
    match assigning {
        Assigning::Add => {
            format!("add the assignee{many} {logins}, since {names} {were} added in Plane")
        }
        Assigning::Remove => {
            format!("take off the assignee{many} {logins}, since {names} {were} taken off in Plane")
        }
    }
}
