//! A GitHub issue, a Plane project and a sync between them, all in memory: Plane as the recorded
//! facts show it (drops, whole lists, an id for what is new), the sync as a job does it.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::rules::{Rulebook, Verdict};
use jetbridge::sync::github::{Account, Issue, IssueLabel, IssueState};
use jetbridge::sync::mapping::{Mapping, Resolved};
use jetbridge::sync::plan::{
    Answered, Assigning, Expected, Link, Plan, Rendered, Settled, Sides, TextMerge, WhenGone,
    Write, WriteBack, plan, resume, resume_agreed, resume_people, settle, settle_people,
    still_wanted,
};
use jetbridge::sync::plane::{
    EXTERNAL_SOURCE, Item, ItemChange, Member, Priority, Project, ProjectLabel, ProjectState,
};
use jetbridge::work_items::{StateGroup, System};

pub fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub fn label(name: &str) -> IssueLabel {
    IssueLabel { id: None, name: name.to_owned(), color: Some("d73a4a".to_owned()) }
}

pub fn account(login: &str) -> Account {
    Account { id: 7, login: login.to_owned() }
}

pub fn issue() -> Issue {
    let at = "2026-11-22T01:00:00Z".parse().unwrap();
    Issue {
        id: 1001,
        number: 42,
        repository: "octo/hello".to_owned(),
        repository_id: Some(5),
        title: "Crash".to_owned(),
        body: Some("one".to_owned()),
        state: IssueState::Open,
        labels: vec![label("bug")],
        assignees: vec![account("ada")],
        author: Some(account("grace")),
        html_url: "https://github.com/octo/hello/issues/42".to_owned(),
        pull_request: false,
        created_at: at,
        updated_at: at,
        closed_at: None,
        milestone: jetbridge::sync::github::Milestoned::Unsaid,
        parent: None,
    }
}

fn state(id: &str, name: &str, group: StateGroup) -> ProjectState {
    let default = group == StateGroup::Backlog;
    ProjectState { id: id.to_owned(), name: name.to_owned(), group: Some(group), default }
}

pub fn member(id: &str, display: &str, full: &str, email: &str) -> Member {
    Member {
        id: id.to_owned(),
        display_name: display.to_owned(),
        full_name: full.to_owned(),
        email: Some(email.to_owned()),
    }
}

pub fn project() -> Project {
    Project {
        id: "p".to_owned(),
        states: vec![
            state("backlog", "Backlog", StateGroup::Backlog),
            state("todo", "Todo", StateGroup::Unstarted),
            state("doing", "In Progress", StateGroup::Started),
            state("done", "Done", StateGroup::Completed),
            state("shipped", "Shipped", StateGroup::Completed),
            state("cancelled", "Cancelled", StateGroup::Cancelled),
        ],
        labels: vec![ProjectLabel {
            id: "l-bug".to_owned(),
            name: "bug".to_owned(),
            color: None,
            github: None,
        }],
        members: vec![
            member("u-ada", "ada", "Ada Lovelace", "ada@example.com"),
            member("u-grace", "Grace", "Grace Hopper", "grace@example.com"),
        ],
    }
}

/// Stands in for the renderer: one paragraph a line.
pub fn render(issue: &Issue) -> Rendered {
    let body = issue.body.as_deref().unwrap_or_default();
    let text: Vec<_> = body.lines().map(|line| format!("<p>{line}</p>")).collect();
    let text = text.concat();
    let title: String = issue.title.chars().take(255).collect();
    Rendered {
        title_cut: title != issue.title,
        title,
        description_html: if text.is_empty() { "<p></p>".to_owned() } else { text },
    }
}

/// Keeps what Plane's people appended; everything else is a conflict.
pub fn merge(base: &str, ours: &str, theirs: &str) -> TextMerge {
    match theirs.strip_prefix(base) {
        Some(added) => TextMerge::Merged(format!("{ours}{added}")),
        None => TextMerge::Conflict("the same paragraph".to_owned()),
    }
}

/// Both sides and what is remembered of them.
pub struct World {
    pub issue: Issue,
    pub mapping: Mapping,
    pub rulebook: Rulebook,
    pub project: Project,
    pub item: Option<Item>,
    pub link: Option<Link>,
    /// Users that Plane leaves out without a word.
    pub guests: BTreeSet<String>,
    /// What Plane puts before every description that does not begin with it.
    pub rewrites: &'static str,
    pub links_made: Vec<String>,
    /// What was intended when the process died.
    pub open: Option<(Write, Expected)>,
    /// The same of a write to GitHub.
    pub open_on_github: Option<Write>,
    /// Whether changes in Plane go back.
    pub write_back: WriteBack,
    /// Logins that GitHub leaves out without a word.
    pub outsiders: BTreeSet<String>,
    /// What was written to GitHub.
    pub written: Vec<Write>,
}

/// Where the process dies: after labels were made, and
#[derive(Debug, Clone, Copy)]
pub enum Death {
    BeforeTheWrite,
    AfterTheWrite,
}

impl World {
    pub fn new() -> Self {
        Self {
            issue: issue(),
            mapping: Mapping::default(),
            rulebook: Rulebook::default(),
            project: project(),
            item: None,
            link: None,
            guests: BTreeSet::new(),
            rewrites: "",
            links_made: Vec::new(),
            open: None,
            open_on_github: None,
            write_back: WriteBack::Nothing,
            outsiders: BTreeSet::new(),
            written: Vec::new(),
        }
    }

    /// One whose first sync has been made.
    pub fn synced() -> Self {
        let mut world = Self::new();
        world.sync();
        world
    }

    pub fn item(&mut self) -> &mut Item {
        self.item.as_mut().unwrap()
    }

    pub fn plan(&self) -> Plan {
        self.plan_when_gone(WhenGone::MarkBroken)
    }

    pub fn plan_when_gone(&self, when_gone: WhenGone) -> Plan {
        let verdict = self.rulebook.applied("octo/hello", &self.issue).unwrap();
        let Verdict::Carried(carried) = verdict else { panic!("these rules drop nothing") };
        plan(&Sides {
            issue: &carried.issue,
            rendered: &render(&carried.issue),
            ruled: &carried.ruled,
            link: self.link.as_ref(),
            item: self.item.as_ref(),
            pulls: None,
            mapping: Resolved::new(&self.mapping, &self.project),
            merge: &merge,
            when_gone,
            write_back: self.write_back,
        })
    }

    /// Plans, writes, reads back, remembers: as a job does.
    pub fn sync(&mut self) -> (Plan, Settled) {
        self.recover();
        let plan = self.plan();
        let settled = self.carry_out(plan.clone());
        (plan, settled)
    }

    /// As [`World::sync`], but the answer is never recorded, only the intent was.
    pub fn die(&mut self, death: Death) {
        self.recover();
        let plan = self.plan();
        let made: BTreeMap<_, _> =
            plan.writes.iter().filter_map(|write| self.make_label(write)).collect();
        let plan = plan.with_labels(&made);
        let of_the_item = |w: &&Write| matches!(w.kind(), "create_item" | "update_item");
        let to_github = |w: &&Write| w.system() == System::Github;
        if let (None, Some(write), Death::AfterTheWrite) =
            (plan.writes.iter().find(of_the_item), plan.writes.iter().find(to_github), death)
        {
            self.write_to_github(write);
            self.open_on_github = Some(write.clone());
        }
        if let Some(write) = plan.writes.iter().find(of_the_item) {
            self.open = Some((write.clone(), plan.expected));
            if let Death::AfterTheWrite = death {
                self.write(write);
            }
        }
    }

    /// What a job does first: finds out what became of open intents.
    pub fn recover(&mut self) {
        if let (Some(write), Some(link)) = (self.open_on_github.take(), &mut self.link)
            && let Some(base) = resume_people(&link.base, &write, &self.issue.assignees)
        {
            link.base = base;
        }
        let Some((write, expected)) = self.open.take() else { return };
        let Some(item) = &self.item else { return };
        if let Some(base) = resume(&expected, &write, item) {
            self.link = Some(Link { item: item.id.clone(), base });
        } else if let Some(link) = &mut self.link {
            link.base = resume_agreed(&link.base, &expected.base, &item.assignees);
        }
    }

    pub fn carry_out(&mut self, plan: Plan) -> Settled {
        let made: BTreeMap<_, _> =
            plan.writes.iter().filter_map(|write| self.make_label(write)).collect();
        let plan = plan.with_labels(&made);
        let mut answered = None;
        let mut url = None;
        for write in &plan.writes {
            match write {
                Write::CreateItem { .. } | Write::UpdateItem { .. } => {
                    self.write(write);
                    answered = Some((write, self.item.clone().unwrap()));
                }
                Write::CreateLink { url: to, .. } => url = Some(to.clone()),
                _ => {}
            }
        }
        let answered = answered.as_ref().map(|(sent, item)| Answered { sent, item });
        let mapping = Resolved::new(&self.mapping, &self.project);
        let mut settled = settle(&plan.expected, answered, mapping);
        if let Some(url) = url {
            self.links_made.push(url.clone());
            settled.base.link_url = Some(url);
        }
        for write in plan.writes.iter().filter(|write| write.system() == System::Github) {
            let in_plane = self.item.as_ref().unwrap().assignees.clone();
            let Some(write) = still_wanted(write.clone(), &in_plane) else { continue };
            self.write_to_github(&write);
            let answered = settle_people(&settled.base, &write, &self.issue.assignees);
            settled.base = answered.base;
            settled.findings.extend(answered.findings);
        }
        if let Some(item) = &self.item {
            self.link = Some(Link { item: item.id.clone(), base: settled.base.clone() });
        }
        settled
    }

    /// GitHub's part in a write of its assignees: outsiders are left out without a word.
    pub fn write_to_github(&mut self, write: &Write) {
        let Write::ChangeAssignees { assigning, people, .. } = write else {
            panic!("{write} is none of GitHub")
        };
        assert!((1..=10).contains(&people.len()), "at most ten at once: {write}");
        self.written.push(write.clone());
        let assigned = &mut self.issue.assignees;
        match assigning {
            Assigning::Remove => assigned.retain(|a| !people.contains_key(&a.login.to_lowercase())),
            Assigning::Add => {
                for login in people.keys().filter(|login| !self.outsiders.contains(*login)) {
                    if assigned.len() < 10 && assigned.iter().all(|a| a.login != *login) {
                        assigned.push(account(login));
                    }
                }
            }
        }
    }

    fn make_label(&mut self, write: &Write) -> Option<(String, String)> {
        let Write::CreateLabel { label } = write else { return None };
        let id = format!("l-{}", label.name);
        assert!(
            self.project.labels.iter().all(|known| known.name != label.name),
            "Plane answers 409: {} is there",
            label.name
        );
        self.project.labels.push(ProjectLabel {
            id: id.clone(),
            name: label.name.clone(),
            color: None,
            github: None,
        });
        Some((label.name.clone(), id))
    }

    /// Plane's part in a write of the item.
    pub fn write(&mut self, write: &Write) {
        let (mut item, change) = match write {
            Write::CreateItem { item, .. } => {
                let made = Item {
                    id: "i1".to_owned(),
                    name: String::new(),
                    description_html: String::new(),
                    state: Some("backlog".to_owned()),
                    labels: BTreeSet::new(),
                    assignees: BTreeSet::new(),
                    priority: Some(Priority::None),
                    external_id: Some(item.external_id.clone()),
                    external_source: Some(EXTERNAL_SOURCE.to_owned()),
                };
                let change = ItemChange {
                    name: Some(item.name.clone()),
                    description_html: Some(item.description_html.clone()),
                    state: item.state.clone(),
                    labels: Some(item.labels.clone()),
                    assignees: Some(item.assignees.clone()),
                    priority: item.priority,
                };
                (made, change)
            }
            Write::UpdateItem { change, .. } => (self.item.clone().unwrap(), change.clone()),
            other => panic!("{other} is no write of the item"),
        };
        item.name = change.name.unwrap_or(item.name);
        if let Some(html) = change.description_html {
            let begins = html.starts_with(self.rewrites);
            item.description_html = if begins { html } else { format!("{}{html}", self.rewrites) };
        }
        item.state = change.state.or(item.state);
        item.priority = change.priority.or(item.priority);
        item.labels = change.labels.unwrap_or(item.labels);
        if let Some(assignees) = change.assignees {
            item.assignees = assignees.difference(&self.guests).cloned().collect();
        }
        self.item = Some(item);
    }
}

/// The change that a plan makes to the item.
pub fn change_of(plan: &Plan) -> ItemChange {
    let change = plan.writes.iter().find_map(|write| match write {
        Write::UpdateItem { change, .. } => Some(change.clone()),
        _ => None,
    });
    change.unwrap_or_default()
}
