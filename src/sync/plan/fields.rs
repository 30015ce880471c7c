//! The decision for each field of an item, one function each.

use std::collections::{BTreeMap, BTreeSet};

use super::link::text_hash;
use super::people::{PeopleSides, Refused, WriteBack, merge_people};
use super::sets::{Before, SetBase, Target, Wanted, merge_sets};
use super::{
    Base, Expected, Finding, LinkStatus, Plan, SentText, Sides, TextMerge, WhenGone, Write,
};
use crate::sync::github::{Issue, IssueState};
use crate::sync::mapping::{LabelTarget, NewLabel, Resolved, ends_work};
use crate::sync::plane::{Item, ItemChange, NewItem, Priority, ProjectState};
use crate::sync::pulls::{IssueSays, Place, PullsNow, Step, advance};

/// A plan in the making.
pub(super) struct Draft<'a> {
    /// `None` for an item that is to be made.
    item: Option<&'a Item>,
    change: ItemChange,
    /// By GitHub's lower-case name.
    new_labels: BTreeMap<String, NewLabel>,
    base: Base,
    text: SentText,
    conflict: bool,
    /// What is to be written to GitHub.
    github: Vec<Write>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Draft<'a> {
    /// For an item that is to be made.
    pub(super) fn create() -> Self {
        Self {
            item: None,
            change: ItemChange::default(),
            new_labels: BTreeMap::new(),
            base: Base::default(),
            text: SentText::Other,
            conflict: false,
            github: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// For an item that is there.
    pub(super) fn update(base: &Base, item: &'a Item) -> Self {
        Self { item: Some(item), base: base.clone(), ..Self::create() }
    }

    pub(super) fn everything(&mut self, sides: &Sides<'_>) {
        self.base.github.gone = false;
        self.title(sides);
        self.description(sides);
        self.state(sides);
        if let Some(pulls) = sides.pulls {
            self.pulls(pulls, sides.mapping);
        }
        self.labels(sides);
        match sides.write_back {
            WriteBack::Assignees if !rules_set_people(sides) => self.people(sides),
            WriteBack::Assignees | WriteBack::Nothing => self.assignees(sides),
        }
        self.priority(sides);
        self.base.github.own.clone_from(&sides.ruled.own);
    }

    fn title(&mut self, sides: &Sides<'_>) {
        let title = &sides.rendered.title;
        if *title == self.base.github.title {
            return;
        }
        if sides.rendered.title_cut {
            self.findings.push(Finding::TitleCut { length: sides.issue.title.chars().count() });
        }
        if self.item.is_none_or(|item| item.name != *title) {
            if let Some(item) = self.item.filter(|item| item.name != self.base.plane.name) {
                self.findings.push(Finding::TitleOverridden { was: item.name.clone() });
            }
            self.change.name = Some(title.clone());
        }
        self.base.github.title.clone_from(title);
        self.base.plane.name.clone_from(title);
    }

    fn description(&mut self, sides: &Sides<'_>) {
        let hash = source_hash(sides);
        if hash == self.base.github.markdown_sha256 {
            return;
        }
        let html = &sides.rendered.description_html;
        let ancestor = &self.base.github.rendered_html;
        let never_agreed = self.base.github.markdown_sha256.is_empty();
        match self.item {
            Some(item) if item.description_html == *html => {
                self.base.plane.description_html.clone_from(html);
            }
            Some(_) if !never_agreed && html == ancestor => {}
            Some(item) if never_agreed && !is_blank(&item.description_html) => {
                self.findings.push(Finding::DescriptionLeft);
                self.base.plane.description_html.clone_from(&item.description_html);
            }
            Some(item) if !never_agreed && item.description_html != *ancestor => {
                match (sides.merge)(ancestor, html, &item.description_html) {
                    TextMerge::Merged(merged) => {
                        if merged != item.description_html {
                            self.findings.push(Finding::DescriptionMerged);
                            self.change.description_html = Some(merged.clone());
                        }
                        self.base.plane.description_html = merged;
                    }
                    TextMerge::Conflict(why) => {
                        self.findings.push(Finding::DescriptionConflict { why });
                        self.conflict = true;
                        return;
                    }
                }
            }
            Some(_) | None => {
                self.change.description_html = Some(html.clone());
                self.base.plane.description_html.clone_from(html);
                self.text = SentText::Github;
            }
        }
        self.base.github.rendered_html.clone_from(html);
        self.base.github.markdown_sha256 = hash;
    }

    fn state(&mut self, sides: &Sides<'_>) {
        let (now, wish) = (sides.issue.state, &sides.ruled.wish.state);
        let unchanged = match (wish, &self.base.github.wish.state) {
            (None, None) => self.base.github.state.is_some_and(|before| same_end(before, now)),
            (wish, before) => wish == before,
        };
        if unchanged {
            self.base.github.state = Some(now);
            return;
        }
        let (target, fit) = match wish {
            Some(name) => (sides.mapping.state_called(name), Fit::Exact),
            None => (sides.mapping.state(now), Fit::Group),
        };
        match target {
            Ok(target) => {
                self.move_to(target, fit, sides.mapping);
                self.base.github.state = Some(now);
                self.base.github.wish.state.clone_from(wish);
            }
            Err(finding) => self.findings.push(finding),
        }
    }

    /// The issue is gone: an item on which work goes on ends as not planned.
    pub(super) fn end(&mut self, mapping: Resolved<'_>) {
        let now = self.item.and_then(|item| mapping.state_by_id(item.state.as_deref()?));
        if now.and_then(|state| state.group).is_some_and(ends_work) {
            return;
        }
        match mapping.state(IssueState::NotPlanned) {
            Ok(target) => self.move_to(target, Fit::Group, mapping),
            Err(finding) => self.findings.push(finding),
        }
        self.base.github.state = Some(IssueState::NotPlanned);
        self.base.github.wish.state = None;
    }

    /// Where the pull requests say that it belongs, once the issue has had its say.
    pub(super) fn pulls(&mut self, now: &PullsNow, mapping: Resolved<'_>) {
        let there = self.item.and_then(|item| item.state.clone());
        let state = self.change.state.clone().or_else(|| there.clone());
        let issue = match self.base.github.state {
            Some(state) if state.is_closed() => IssueSays::Closed,
            Some(_) | None => IssueSays::Nothing,
        };
        let place = Place { state: state.as_deref(), issue };
        match advance(&self.base.pulls, now, place, mapping) {
            Ok(Step { base, to }) => {
                self.base.pulls = base;
                let Some(to) = to else { return };
                self.findings.push(Finding::moved_by_pull(now, state.as_deref(), &to, mapping));
                self.base.plane.state = Some(to.clone());
                self.change.state = Some(to).filter(|to| there.as_ref() != Some(to));
            }
            Err(finding) => self.findings.push(finding),
        }
    }

    fn move_to(&mut self, target: &ProjectState, fit: Fit, mapping: Resolved<'_>) {
        let Some(item) = self.item else {
            self.change.state = Some(target.id.clone());
            self.base.plane.state = Some(target.id.clone());
            return;
        };
        let moved_by_a_person = item.state != self.base.plane.state;
        let current = item.state.as_deref().and_then(|id| mapping.state_by_id(id));
        let says_the_same = fit == Fit::Group && current.is_some_and(|c| say_the_same(c, target));
        if item.state.as_ref() == Some(&target.id) || (moved_by_a_person && says_the_same) {
            self.base.plane.state.clone_from(&item.state);
            return;
        }
        if let Some(current) = current.filter(|_| moved_by_a_person) {
            let (was, now) = (current.name.clone(), target.name.clone());
            self.findings.push(Finding::StateOverridden { was, now });
        }
        self.change.state = Some(target.id.clone());
        self.base.plane.state = Some(target.id.clone());
    }

    fn labels(&mut self, sides: &Sides<'_>) {
        let (mut wanted, mut apart, mut ids) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        for label in &sides.issue.labels {
            let key = label.name.to_lowercase();
            let id = label.id.or_else(|| self.base.github.label_ids.get(&key).copied());
            ids.extend(id.map(|id| (key.clone(), id)));
            let mut before = Before::of(&self.base.github.label_ids, &key, label.id);
            let target = match sides.mapping.label(label) {
                LabelTarget::Known(id) => {
                    // What stood for it was another label's that had its name then.
                    let known = self.base.github.labels.get(&key).and_then(Option::as_deref);
                    if known.is_some_and(|known| sides.mapping.belongs_to_another(known, &id)) {
                        before = Before::Renamed(key.clone());
                    }
                    Target::Known(id)
                }
                LabelTarget::Missing(new) => Target::New(new),
                LabelTarget::Priority(_) | LabelTarget::Ignored => {
                    apart.insert(key);
                    continue;
                }
            };
            wanted.push(Wanted { key, target, before });
        }
        let none = BTreeSet::new();
        let present = self.item.map_or(&none, |item| &item.labels);
        let base = SetBase { told: &self.base.github.labels, ours: &self.base.our_labels };
        let merged = merge_sets(&base, wanted, present);
        if merged.set != *present || !merged.new.is_empty() {
            self.change.labels = Some(merged.set.clone());
            self.base.plane.labels = merged.set;
        }
        self.base.github.labels = merged.told;
        self.base.github.label_ids = ids;
        self.base.github.labels_apart = apart;
        self.base.our_labels = merged.ours;
        self.new_labels = merged.new;
    }

    fn assignees(&mut self, sides: &Sides<'_>) {
        let mut wanted = Vec::with_capacity(sides.issue.assignees.len());
        for account in &sides.issue.assignees {
            let target = match sides.mapping.member(&account.login) {
                Ok(Some(member)) => Target::Known(member.id.clone()),
                Ok(None) => Target::Nobody,
                Err(finding) => {
                    self.findings.push(finding);
                    Target::Nobody
                }
            };
            let key = account.login.to_lowercase();
            wanted.push(Wanted { key, target, before: Before::Same });
        }
        let none = BTreeSet::new();
        let present = self.item.map_or(&none, |item| &item.assignees);
        let base = SetBase { told: &self.base.github.assignees, ours: &self.base.our_assignees };
        let merged = merge_sets(&base, wanted, present);
        if merged.set != *present {
            self.change.assignees = Some(merged.set.clone());
            self.base.plane.assignees = merged.set;
        }
        self.base.github.assignees = merged.told;
        self.base.our_assignees = merged.ours;
        self.base.people = None;
    }

    /// Assignees both ways.
    fn people(&mut self, sides: &Sides<'_>) {
        let none = BTreeSet::new();
        let present = self.item.map_or(&none, |item| &item.assignees);
        let refused = match sides.when_gone {
            WhenGone::MarkBroken => Refused::LeftAlone,
            WhenGone::Recreate => Refused::TriedAgain,
        };
        let merged = merge_people(&PeopleSides {
            base: &self.base,
            assigned: &sides.issue.assignees,
            present,
            mapping: sides.mapping,
            refused,
        });
        self.github = merged.writes(sides.issue);
        self.findings.extend(merged.findings);
        if merged.set != *present {
            self.change.assignees = Some(merged.set.clone());
        }
        self.base.plane.assignees = merged.agreed;
        self.base.github.assignees = merged.told;
        self.base.our_assignees = merged.ours;
        self.base.people = Some(merged.standing);
    }

    fn priority(&mut self, sides: &Sides<'_>) {
        let of_labels = || sides.mapping.priority(&sides.issue.labels);
        let wish = sides.ruled.wish.priority.or_else(of_labels);
        if wish == self.base.github.wish.priority {
            return;
        }
        self.base.github.wish.priority = wish;
        let Some(wanted) = wish else { return };
        let current = self.item.and_then(|item| item.priority);
        if current != Some(wanted) {
            let agreed = self.base.plane.priority.unwrap_or(Priority::None);
            let chosen = current.filter(|current| *current != agreed);
            let finding = chosen.map(|was| Finding::PriorityOverridden { was, now: wanted });
            self.findings.extend(finding);
            self.change.priority = Some(wanted);
        }
        self.base.plane.priority = Some(wanted);
    }

    pub(super) fn into_plan(mut self, sides: &Sides<'_>) -> Plan {
        let github = std::mem::take(&mut self.github);
        let url = &sides.issue.html_url;
        let linked = self.base.link_url.as_ref() == Some(url);
        let link = (!linked).then(|| Write::CreateLink {
            url: url.clone(),
            title: format!("{}#{}", sides.issue.repository, sides.issue.number),
        });
        let mut plan = match self.item {
            Some(item) => self.into_writes(item),
            None => self.into_creation(sides),
        };
        plan.writes.extend(link);
        plan.writes.extend(github);
        plan
    }

    /// For an item that is there.
    pub(super) fn into_writes(mut self, item: &Item) -> Plan {
        let change = std::mem::take(&mut self.change);
        let new_labels = self.new_label_names();
        let update = (!change.is_empty()).then(|| Write::UpdateItem {
            item: item.id.clone(),
            change,
            new_labels,
        });
        self.finish(update)
    }

    fn into_creation(mut self, sides: &Sides<'_>) -> Plan {
        let issue = sides.issue;
        let author = issue.author.as_ref().and_then(|a| sides.mapping.member(&a.login).ok()?);
        let change = std::mem::take(&mut self.change);
        let item = NewItem {
            name: change.name.unwrap_or_default(),
            description_html: change.description_html.unwrap_or_default(),
            state: change.state,
            labels: change.labels.unwrap_or_default(),
            assignees: change.assignees.unwrap_or_default(),
            priority: change.priority,
            created_at: Some(issue.created_at),
            created_by: author.map(|member| member.id.clone()),
            external_id: issue.id.to_string(),
        };
        let new_labels = self.new_label_names();
        self.finish(Some(Write::CreateItem { item, new_labels }))
    }

    fn new_label_names(&self) -> BTreeSet<String> {
        self.new_labels.values().map(|label| label.name.clone()).collect()
    }

    fn finish(self, write: Option<Write>) -> Plan {
        let by_name: BTreeMap<_, _> =
            self.new_labels.values().map(|label| (label.name.clone(), label.clone())).collect();
        let mut writes: Vec<_> =
            by_name.into_values().map(|label| Write::CreateLabel { label }).collect();
        writes.extend(write);
        let new_labels = self.new_labels.into_iter().map(|(key, label)| (key, label.name));
        Plan {
            writes,
            findings: self.findings,
            status: if self.conflict { LinkStatus::Conflict } else { LinkStatus::Ok },
            expected: Expected {
                base: self.base,
                new_labels: new_labels.collect(),
                text: self.text,
            },
        }
    }
}

/// How near a state has to be to the one that is wanted, where a person chose it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It says the same of the issue.
    Group,
    /// It is the one.
    Exact,
}

/// Whether the issue's people are what rules made of them: then Plane's are not GitHub's.
fn rules_set_people(sides: &Sides<'_>) -> bool {
    let logins = || sides.issue.assignees.iter().map(|account| account.login.clone()).collect();
    sides.ruled.own.as_ref().is_some_and(|own| own.assignees != logins())
}

/// Hash of what the description is made of: the text, and a cut title, which it tells whole.
fn source_hash(sides: &Sides<'_>) -> String {
    let Issue { title, body, .. } = sides.issue;
    if sides.rendered.title_cut {
        return text_hash(Some(&format!("{title}\n\n{}", body.as_deref().unwrap_or_default())));
    }
    text_hash(body.as_deref())
}

/// Whether an issue's state means the same for its item. Opened for the first or the second time
/// does not matter while it is open.
fn same_end(one: IssueState, other: IssueState) -> bool {
    one == other || (!one.is_closed() && !other.is_closed())
}

/// Whether two states of a project say the same of an issue: both open, or both closed in the
/// same way.
fn say_the_same(one: &ProjectState, other: &ProjectState) -> bool {
    match (one.group, other.group) {
        (Some(one), Some(other)) => {
            one == other && ends_work(one) || !ends_work(one) && !ends_work(other)
        }
        _ => false,
    }
}

/// Whether a description says nothing: what Plane keeps for "none".
fn is_blank(html: &str) -> bool {
    matches!(html.trim(), "" | "<p></p>" | "<div></div>")
}
