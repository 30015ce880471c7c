//! The examples of docs/mapping.md, each run as it is written.

use jetbridge::config::RepositoryConfig;
use jetbridge::rules::{Rulebook, Verdict};
use jetbridge::sync::github::{IssueLabel, IssueState, Milestone};
use jetbridge::sync::mapping::{LabelTarget, Mapping, Resolved};
use jetbridge::sync::milestones::{BundleFields, BundleKind};
use jetbridge::sync::plane::{Member, Project, ProjectLabel, ProjectState};
use jetbridge::sync::pulls::{IssueSays, Place, PullBase, PullsNow, advance};
use jetbridge::work_items::{PullStanding, StateGroup};

const TEXT: &str = include_str!("../../docs/mapping.md");

fn project() -> Project {
    let states = [
        ("Backlog", StateGroup::Backlog),
        ("Todo", StateGroup::Unstarted),
        ("In Progress", StateGroup::Started),
        ("In Review", StateGroup::Started),
        ("Done", StateGroup::Completed),
        ("Cancelled", StateGroup::Cancelled),
    ];
    let state = |(name, group): (&str, StateGroup)| ProjectState {
        id: name.to_owned(),
        name: name.to_owned(),
        group: Some(group),
        default: name == "Backlog",
    };
    let label = |name: &str| ProjectLabel {
        id: name.to_owned(),
        name: name.to_owned(),
        color: None,
        github: None,
    };
    let member = |display: &str, full: &str, email: Option<&str>| Member {
        id: full.to_owned(),
        display_name: display.to_owned(),
        full_name: full.to_owned(),
        email: email.map(str::to_owned),
    };
    Project {
        id: "p".to_owned(),
        states: states.map(state).to_vec(),
        labels: ["Bug", "help wanted"].map(label).to_vec(),
        members: vec![
            member("ada.l", "Ada Lovelace", Some("ada@example.com")),
            member("grace", "Grace Hopper", None),
        ],
    }
}

/// What the last word of a line says that it becomes.
fn outcome(what: &str, said: &str, mapping: Resolved<'_>) -> String {
    let named = |found: Option<String>, none: &str| found.unwrap_or_else(|| none.to_owned());
    match what {
        "issue" => {
            let state = match said {
                "open" => IssueState::Open,
                "reopened" => IssueState::Reopened,
                "completed" => IssueState::Completed,
                "not planned" => IssueState::NotPlanned,
                "duplicate" => IssueState::Duplicate,
                other => panic!("no state of an issue: {other}"),
            };
            mapping.state(state).unwrap().name.clone()
        }
        "label" => {
            match mapping.label(&IssueLabel { id: None, name: said.to_owned(), color: None }) {
                LabelTarget::Known(id) => id,
                LabelTarget::Missing(label) => label.name,
                LabelTarget::Priority(priority) => format!("priority {priority}"),
                LabelTarget::Ignored => "ignored".to_owned(),
            }
        }
        "labels" => {
            let label = |name: &str| IssueLabel { id: None, name: name.to_owned(), color: None };
            let labels: Vec<_> = said.split(", ").map(label).collect();
            let priority = mapping.priority(&labels);
            named(priority.map(|priority| format!("priority {priority}")), "no priority")
        }
        "person" => {
            named(mapping.member(said).ok().flatten().map(|m| m.full_name.clone()), "nobody")
        }
        "pulls" => walk(said, mapping).join(", "),
        other => panic!("nothing is known of {other}"),
    }
}

/// What `v1, due 2026-12-24` becomes, made on 1 December.
fn milestone(said: &str, bundles: Option<BundleKind>) -> String {
    let Some(kind) = bundles else { return "nothing".to_owned() };
    let (title, due) = said.split_once(", due ").map_or((said, None), |(t, due)| (t, Some(due)));
    let day = |day: &str| format!("{day}T08:00:00Z").parse().unwrap();
    let fields = BundleFields::of(
        kind,
        &Milestone {
            updated_at: day("2026-12-01"),
            id: 7,
            number: 1,
            title: title.to_owned(),
            description: None,
            due_on: due.map(day),
            created_at: Some(day("2026-12-01")),
        },
    );
    let days = match (fields.days.first, fields.days.last) {
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        (None, Some(last)) => format!(" until {last}"),
        (_, None) => String::new(),
    };
    format!("{kind} {}{days}", fields.name)
}

/// Where an item that was in Todo is after each of these.
fn walk(standings: &str, mapping: Resolved<'_>) -> Vec<String> {
    let (mut state, mut base) = ("Todo".to_owned(), PullBase::default());
    let step = |said: &str| {
        let found = PullStanding::ALL.into_iter().find(|standing| standing.as_str() == said);
        let standing = Some(found.unwrap_or_else(|| panic!("no standing: {said}")));
        let place = Place { state: Some(&state), issue: IssueSays::Nothing };
        let step = advance(&base, &PullsNow { standing, by: None }, place, mapping).unwrap();
        base = step.base;
        if let Some(to) = step.to {
            state = to;
        }
        state.clone()
    };
    standings.split(", ").map(step).collect()
}

#[test]
fn every_example_of_the_mapping_ends_as_it_says() {
    let project = project();
    let (mut mapping, mut bundles, mut lines) = (Mapping::default(), None, 0);
    let about_repositories =
        |block: &&str| block.contains("repositories]]") || block.contains("octo/");
    for block in TEXT.split("```").skip(1).step_by(2).filter(|block| !about_repositories(block)) {
        if let Some(written) = block.strip_prefix("toml\n") {
            let named = format!("name = 'octo/api'\n{written}");
            let settings = toml::from_str::<RepositoryConfig>(&named).unwrap().settings();
            mapping = Mapping::from(&settings);
            bundles = settings.milestones;
            let problems = Resolved::new(&mapping, &project).problems();
            assert!(problems.is_empty(), "{written}: {problems:?}");
            continue;
        }
        for line in block.strip_prefix("text\n").unwrap().lines() {
            let (what, rest) = line.split_once(' ').unwrap();
            let (said, expected) = rest.split_once(" -> ").unwrap();
            let found = match what {
                "milestone" => milestone(said, bundles),
                _ => outcome(what, said, Resolved::new(&mapping, &project)),
            };
            assert_eq!(found, expected, "{line}");
            lines += 1;
        }
    }
    assert!(lines > 20, "{lines}");
}

/// Into which workspace and project an issue of a repository with one label goes.
#[test]
fn every_example_of_repositories_goes_where_it_says() {
    #[derive(serde::Deserialize)]
    struct Written {
        #[serde(default)]
        github: Option<toml::Table>,
        repositories: Vec<RepositoryConfig>,
    }
    let (mut written, mut lines) = (Vec::new(), 0);
    for block in TEXT.split("```").skip(1).step_by(2) {
        if block.contains("[[repositories]]") {
            let read: Written = toml::from_str(block.strip_prefix("toml\n").unwrap()).unwrap();
            let server =
                |host: &str| read.github.as_ref().is_some_and(|t| t.to_string().contains(host));
            let is_there = |r: &RepositoryConfig| r.name.host().name().is_none_or(server);
            assert!(read.repositories.iter().all(is_there), "{block}");
            written = read.repositories;
        }
        for line in block.lines().filter(|line| line.contains("octo/") && line.contains(" -> ")) {
            let (what, expected) = line.split_once(" -> ").unwrap();
            let (name, label) = what.split_once(": ").unwrap();
            let repository = written.iter().find(|r| r.name.as_str() == name).unwrap();
            let rulebook = Rulebook::read(None, &repository.rules).unwrap();
            let mut issue = crate::model::issue();
            issue.labels = vec![IssueLabel { id: None, name: label.to_owned(), color: None }];
            let Verdict::Carried(carried) = rulebook.applied(name, &issue).unwrap() else {
                panic!("{line}: it is dropped");
            };
            let project = carried.placing.map(|placing| placing.project);
            let project = project.or(repository.plane_project).unwrap();
            let slug = repository.plane_workspace.as_ref().map(ToString::to_string);
            let slug = slug.unwrap_or_else(|| "the default workspace".to_owned());
            assert_eq!(format!("{slug}, {project}"), expected, "{line}");
            lines += 1;
        }
    }
    assert!(lines >= 5, "{lines}");
}
