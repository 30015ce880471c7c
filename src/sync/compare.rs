//! An issue beside its work item, field by field: equal, on its way, somebody's own, in conflict.
//! For people who look, from what webhooks told of both; nothing is written because of it.
//!
//! The rule is the plan's: a side that differs from what was last agreed on has changed since.

use std::collections::{BTreeMap, BTreeSet};

use super::mapping::ends_work;
use super::markdown::title;
use super::plan::{Base, LinkStatus, Standing, text_hash};
use crate::sync::github::IssueState;
use crate::sync::plane::Priority;
use crate::work_items::{Person, Snapshot, StateGroup};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The title.
    Title,
    /// Open or closed; the state's group.
    State,
    /// Who works on it.
    Assignees,
    /// Its labels.
    Labels,
    /// Plane's priority, which GitHub does not have.
    Priority,
    /// The text below the title.
    Description,
    /// How many comments there are, and how many mirrors.
    Comments,
}

/// How the two sides of a field stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Both say the same.
    Equal,
    /// GitHub changed since they last agreed: it is, or will be, carried over.
    OnItsWay,
    /// Plane differs, as somebody there wanted it.
    PlanesOwn,
    /// Both changed.
    Conflict,
    /// One side alone can have it.
    OneSide,
    /// It could not be carried over; the timeline says why.
    Refused,
}

/// How many comments the issue has, and how many of them have a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommentCounts {
    /// On GitHub.
    pub github: usize,
    /// In Plane.
    pub mirrored: usize,
}

/// Holds both sides against each other and against what they last agreed on.
pub fn compare(
    github: &Snapshot,
    plane: &Snapshot,
    base: &Base,
    status: LinkStatus,
    comments: CommentCounts,
) -> [(Field, Agreement); 7] {
    let counts =
        if comments.mirrored >= comments.github { Agreement::Equal } else { Agreement::OnItsWay };
    [
        (Field::Title, of_title(github, plane, base)),
        (Field::State, of_state(github, plane, base)),
        (Field::Assignees, of_assignees(github, plane, base)),
        (Field::Labels, of_labels(github, plane, base)),
        (Field::Priority, of_priority(plane, base)),
        (Field::Description, of_description(github, plane, base, status)),
        (Field::Comments, counts),
    ]
}

/// Which side changed.
fn differing(github_changed: bool, plane_changed: bool) -> Agreement {
    match (github_changed, plane_changed) {
        (true, true) => Agreement::Conflict,
        (false, true) => Agreement::PlanesOwn,
        (_, false) => Agreement::OnItsWay,
    }
}

/// Where rules made something else of what GitHub says, a side is held against itself.
fn ruled(github_changed: bool, plane_changed: bool) -> Agreement {
    if github_changed || plane_changed {
        return differing(github_changed, plane_changed);
    }
    Agreement::Equal
}

fn of_title(github: &Snapshot, plane: &Snapshot, base: &Base) -> Agreement {
    if let Some(own) = &base.github.own {
        let (github_changed, plane_changed) =
            (own.title != github.title, plane.title != base.plane.name);
        return ruled(github_changed, plane_changed);
    }
    let sent = title(&github.title).text;
    if plane.title == sent {
        return Agreement::Equal;
    }
    differing(sent != base.github.title, plane.title != base.plane.name)
}

fn of_state(github: &Snapshot, plane: &Snapshot, base: &Base) -> Agreement {
    let is_over = |group: Option<StateGroup>| group.map(ends_work);
    let (Some(closed), Some(ended)) = (is_over(github.state_group), is_over(plane.state_group))
    else {
        return Agreement::OneSide;
    };
    if closed == ended {
        return Agreement::Equal;
    }
    if let Some(wish) = &base.github.wish.state
        && plane.status.as_ref().is_some_and(|status| status.to_lowercase() == wish.to_lowercase())
    {
        return Agreement::Equal;
    }
    let agreed = base.github.state.map(|state| match state {
        IssueState::Open | IssueState::Reopened => false,
        IssueState::Completed | IssueState::NotPlanned | IssueState::Duplicate => true,
    });
    differing(agreed != Some(closed), agreed == Some(closed))
}

fn of_assignees(github: &Snapshot, plane: &Snapshot, base: &Base) -> Agreement {
    if let Some(own) = &base.github.own {
        let login = |person: &Person| person.name.clone().unwrap_or_else(|| person.id.clone());
        let now: BTreeSet<_> = github.assignees.iter().map(login).collect();
        let there: BTreeSet<_> = plane.assignees.iter().map(|person| person.id.clone()).collect();
        return ruled(now != own.assignees, there != base.plane.assignees);
    }
    if let Some(standings) = &base.people {
        return of_people(github, plane, base, standings);
    }
    let told = &base.github.assignees;
    let mut wanted = BTreeSet::new();
    for person in &github.assignees {
        let login = person.name.as_deref().unwrap_or(&person.id).to_lowercase();
        match told.get(&login) {
            Some(Some(id)) => wanted.insert(id.as_str()),
            Some(None) => return Agreement::Refused,
            None => return Agreement::OnItsWay,
        };
    }
    let present: BTreeSet<&str> = plane.assignees.iter().map(|person| person.id.as_str()).collect();
    if wanted == present { Agreement::Equal } else { Agreement::PlanesOwn }
}

/// Assignees that go both ways.
fn of_people(
    github: &Snapshot,
    plane: &Snapshot,
    base: &Base,
    standings: &BTreeMap<String, Standing>,
) -> Agreement {
    let told = &base.github.assignees;
    let login = |person: &Person| person.name.as_ref().unwrap_or(&person.id).to_lowercase();
    let logins: BTreeSet<String> = github.assignees.iter().map(login).collect();
    let present: BTreeSet<&String> = plane.assignees.iter().map(|person| &person.id).collect();
    let is_new = logins.iter().ne(told.keys()) || present != base.plane.assignees.iter().collect();
    if is_new {
        return Agreement::OnItsWay;
    }
    let is_refused = |standing: &Standing| *standing != Standing::Both;
    if standings.values().any(is_refused) || told.values().any(Option::is_none) {
        return Agreement::Refused;
    }
    if told.values().flatten().collect::<BTreeSet<_>>() == present {
        return Agreement::Equal;
    }
    // Somebody who is nobody on GitHub, or not known there yet.
    Agreement::PlanesOwn
}

fn of_labels(github: &Snapshot, plane: &Snapshot, base: &Base) -> Agreement {
    if let Some(own) = &base.github.own {
        let now: BTreeSet<_> = github.labels.iter().map(|label| label.name.clone()).collect();
        return ruled(now != own.labels, plane.labels.len() != base.plane.labels.len());
    }
    let told = &base.github.labels;
    let mut carried = 0;
    for label in &github.labels {
        let key = label.name.to_lowercase();
        match told.get(&key) {
            Some(Some(_)) => carried += 1,
            Some(None) => return Agreement::Refused,
            None if base.github.labels_apart.contains(&key) => {}
            None => return Agreement::OnItsWay,
        }
    }
    // Mapped labels have other names there, so that only their number can be compared.
    if carried == plane.labels.len() { Agreement::Equal } else { Agreement::PlanesOwn }
}

fn of_priority(plane: &Snapshot, base: &Base) -> Agreement {
    let wish = base.github.wish.priority.map(Priority::as_str);
    match plane.priority.as_deref() {
        there if wish.is_some() && there == wish => Agreement::Equal,
        _ if wish.is_some() => Agreement::PlanesOwn,
        None | Some("none" | "") => Agreement::Equal,
        Some(_) => Agreement::OneSide,
    }
}

fn of_description(
    github: &Snapshot,
    plane: &Snapshot,
    base: &Base,
    status: LinkStatus,
) -> Agreement {
    if status == LinkStatus::Conflict {
        return Agreement::Conflict;
    }
    if base.github.markdown_sha256.is_empty() {
        return Agreement::Refused;
    }
    let written = github.description.as_ref().map(|text| text.text.as_str());
    // Where the title was cut the description tells the whole of it, and its hash with it.
    let is_whole = !title(&github.title).cut;
    let github_changed = is_whole && text_hash(written) != base.github.markdown_sha256;
    let stored = plane.description.as_ref().map(|text| text.text.as_str());
    let plane_changed = stored.is_some_and(|text| text != base.plane.description_html);
    if github_changed || plane_changed {
        return differing(github_changed, plane_changed);
    }
    Agreement::Equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkItemRef;
    use crate::work_items::{Kind, Label, System, Text, TextFormat};

    fn snapshot(system: System) -> Snapshot {
        Snapshot {
            item: WorkItemRef::new("x:1"),
            system,
            external_id: "1".to_owned(),
            kind: Kind::Issue,
            project_ref: "p".to_owned(),
            key: None,
            title: "A title".to_owned(),
            status: None,
            state_group: Some(StateGroup::Unstarted),
            assignees: Vec::new(),
            labels: Vec::new(),
            priority: None,
            url: None,
            created_at: None,
            completed_at: None,
            updated_at: "2026-11-22T01:00:00Z".parse().unwrap(),
            missing: Vec::new(),
            extent: crate::work_items::Extent::default(),
            stage: crate::work_items::Stage::default(),
            pull: crate::work_items::PullFacts::default(),
            asked_at: None,
            readiness: crate::work_items::Readiness::Ready,
            description: None,
        }
    }

    fn agreed() -> (Snapshot, Snapshot, Base) {
        let mut base = Base::default();
        base.github.title = "A title".to_owned();
        base.plane.name = "A title".to_owned();
        base.github.state = Some(IssueState::Open);
        base.github.markdown_sha256 = text_hash(None);
        (snapshot(System::Github), snapshot(System::Plane), base)
    }

    fn of(field: Field, (github, plane, base): &(Snapshot, Snapshot, Base)) -> Agreement {
        let counts = CommentCounts { github: 2, mirrored: 1 };
        let all = compare(github, plane, base, LinkStatus::Ok, counts);
        all.into_iter().find(|(f, _)| *f == field).unwrap().1
    }

    #[test]
    fn what_was_agreed_on_is_equal_and_who_changed_it_since_is_said() {
        let mut sides = agreed();
        for field in
            [Field::Title, Field::State, Field::Assignees, Field::Labels, Field::Description]
        {
            assert_eq!(of(field, &sides), Agreement::Equal, "{field:?}");
        }
        sides.0.title = "Another".to_owned();
        assert_eq!(of(Field::Title, &sides), Agreement::OnItsWay);
        sides.1.title = "A third".to_owned();
        assert_eq!(of(Field::Title, &sides), Agreement::Conflict);
        sides.0.title = "A title".to_owned();
        assert_eq!(of(Field::Title, &sides), Agreement::PlanesOwn);
    }

    #[test]
    fn a_state_counts_by_whether_work_is_over() {
        let mut sides = agreed();
        sides.1.state_group = Some(StateGroup::Started);
        assert_eq!(of(Field::State, &sides), Agreement::Equal);
        sides.1.state_group = Some(StateGroup::Completed);
        assert_eq!(of(Field::State, &sides), Agreement::PlanesOwn);
        sides.0.state_group = Some(StateGroup::Completed);
        assert_eq!(of(Field::State, &sides), Agreement::Equal);
        sides.1.state_group = Some(StateGroup::Started);
        assert_eq!(of(Field::State, &sides), Agreement::OnItsWay);
    }

    #[test]
    fn people_and_labels_are_known_by_what_they_stood_for() {
        let mut sides = agreed();
        let ada = Person { id: "7".to_owned(), name: Some("Ada".to_owned()) };
        sides.0.assignees = vec![ada];
        sides.0.labels = vec![Label { name: "Bug".to_owned(), color: None }];
        assert_eq!(of(Field::Assignees, &sides), Agreement::OnItsWay);
        sides.2.github.assignees.insert("ada".to_owned(), None);
        assert_eq!(of(Field::Assignees, &sides), Agreement::Refused);
        sides.2.github.assignees.insert("ada".to_owned(), Some("u1".to_owned()));
        assert_eq!(of(Field::Assignees, &sides), Agreement::PlanesOwn);
        sides.1.assignees = vec![Person { id: "u1".to_owned(), name: None }];
        assert_eq!(of(Field::Assignees, &sides), Agreement::Equal);
        sides.2.github.labels.insert("bug".to_owned(), Some("l1".to_owned()));
        assert_eq!(of(Field::Labels, &sides), Agreement::PlanesOwn);
        sides.1.labels = vec![Label { name: "defect".to_owned(), color: None }];
        assert_eq!(of(Field::Labels, &sides), Agreement::Equal);
    }

    #[test]
    fn a_label_that_is_none_in_plane_is_not_missed_there() {
        let mut sides = agreed();
        let label = |name: &str| Label { name: name.to_owned(), color: None };
        sides.0.labels = vec![label("P1"), label("bot/stale")];
        assert_eq!(of(Field::Labels, &sides), Agreement::OnItsWay);
        sides.2.github.labels_apart = BTreeSet::from(["p1".to_owned(), "bot/stale".to_owned()]);
        assert_eq!(of(Field::Labels, &sides), Agreement::Equal);
        sides.1.labels = vec![label("mine")];
        assert_eq!(of(Field::Labels, &sides), Agreement::PlanesOwn);
    }

    #[test]
    fn what_rules_made_of_it_is_equal_until_a_side_changes() {
        let mut sides = agreed();
        sides.2.github.own = Some(crate::sync::plan::Own {
            title: "A title".to_owned(),
            labels: BTreeSet::from(["p:high".to_owned()]),
            ..crate::sync::plan::Own::default()
        });
        sides.0.labels = vec![Label { name: "p:high".to_owned(), color: None }];
        sides.2.plane.name = "[o/h] A title".to_owned();
        sides.1.title = "[o/h] A title".to_owned();
        sides.2.github.wish.priority = Some(Priority::High);
        sides.1.priority = Some("high".to_owned());
        for field in [Field::Title, Field::Labels, Field::Assignees, Field::Priority] {
            assert_eq!(of(field, &sides), Agreement::Equal, "{field:?}");
        }
        sides.1.title = "Mine".to_owned();
        sides.0.labels.clear();
        sides.1.priority = Some("low".to_owned());
        assert_eq!(of(Field::Title, &sides), Agreement::PlanesOwn);
        assert_eq!(of(Field::Labels, &sides), Agreement::OnItsWay);
        assert_eq!(of(Field::Priority, &sides), Agreement::PlanesOwn);
    }

    #[test]
    fn a_text_and_what_one_side_alone_has_are_told_apart() {
        let mut sides = agreed();
        let text = |text: &str| Some(Text { format: TextFormat::Html, text: text.to_owned() });
        sides.1.description = text("<p>mine</p>");
        assert_eq!(of(Field::Description, &sides), Agreement::PlanesOwn);
        sides.0.description = text("new");
        assert_eq!(of(Field::Description, &sides), Agreement::Conflict);
        sides.2.github.markdown_sha256 = String::new();
        assert_eq!(of(Field::Description, &sides), Agreement::Refused);
        assert_eq!(of(Field::Priority, &sides), Agreement::Equal);
        sides.1.priority = Some("high".to_owned());
        assert_eq!(of(Field::Priority, &sides), Agreement::OneSide);
        assert_eq!(of(Field::Comments, &sides), Agreement::OnItsWay);
    }
}
