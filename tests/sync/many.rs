//! Several repositories in one project of Plane's, and one repository in several by rule.

use std::collections::BTreeMap;

use jetbridge::app::outside::issue_sync;
use jetbridge::clock::Clock;
use jetbridge::config::{RepositoryConfig, RepositorySettings};
use jetbridge::ids::WorkItemRef;
use jetbridge::jobs::sync_issue::{Target, Told};
use jetbridge::sim::github::{CloseReason, NewHook, NewIssue};
use jetbridge::sim::plane::{Item, Label};
use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::store::links::IssueLink;
use jetbridge::sync::github::Issue;
use jetbridge::sync::plan::WhenGone;
use uuid::Uuid;

use crate::people::one_way;
use crate::support::databases::Kind;
use crate::world::{Asking, GITHUB_SECRET, REPOSITORY, World};

const OTHER: &str = "octo/other";

fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

/// A second repository beside the first, into the same project.
async fn with_another(world: &mut World) {
    world.stop().await;
    let first = &mut world.config.repositories[0];
    (first.labels, first.users) = (words(&[("bug", "Bug")]), words(&[("octocat", "ada")]));
    first.states = words(&[("open", "Todo")]);
    let second = RepositoryConfig {
        name: OTHER.parse().unwrap(),
        labels: words(&[("bug", "Defect")]),
        users: words(&[("octocat", "grace")]),
        states: words(&[("open", "In Progress"), ("completed", "Cancelled")]),
        ..first.clone()
    };
    world.config.repositories.push(second);
    world.github.add_repository(OTHER).unwrap();
    let port = world.config.listen.port();
    let hook =
        NewHook::to(format!("http://127.0.0.1:{port}/api/webhooks/github-mcp/"), GITHUB_SECRET);
    world.github.add_hook(OTHER, hook).unwrap();
    world.start().await;
}

fn issue_of(world: &World, repository: &str, number: u64) -> Issue {
    let issues = world.github.issues(repository).unwrap();
    issues.into_iter().find(|issue| issue.number == number).unwrap()
}

async fn two_repositories_share_a_project(kind: Kind, asking: Asking) {
    let mut world = World::new(kind, asking).await;
    with_another(&mut world).await;
    let ada = world.github.acting_as("ada");
    for (repository, comment) in [(REPOSITORY, "in the first"), (OTHER, "in the second")] {
        ada.add_label(repository, "bug", "d73a4a").unwrap();
        let issue = NewIssue::titled(format!("Crash of {repository}")).with_labels(["bug"]);
        let number = ada.open_issue(repository, &issue).unwrap();
        assert_eq!(number, 1, "the same number in both");
        ada.assign(repository, 1, "octocat").unwrap();
        ada.comment(repository, 1, comment).unwrap();
    }
    world.settle().await;
    let said = |repository: &str| {
        let issue = issue_of(&world, repository, 1);
        let item = world.twin(&issue);
        let link = world.plane.links(item.id);
        assert_eq!(link.len(), 1);
        assert_eq!(link[0].url, issue.html_url);
        let comments = world.plane.comments(item.id);
        let comments = comments.iter().map(|c| c.comment_html.clone()).collect::<String>();
        let labels = Vec::from_iter(world.labels_of(&item)).join(" ");
        let people = Vec::from_iter(world.assignees_of(&item)).join(" ");
        (item.name.clone(), world.state_of(&item), labels, people, comments)
    };
    let (name, state, labels, people, comments) = said(REPOSITORY);
    assert_eq!(name, "Crash of octo/hello");
    assert_eq!((state.as_str(), labels.as_str(), people.as_str()), ("Todo", "Bug", "ada"));
    assert!(comments.contains("in the first") && !comments.contains("second"), "{comments}");
    let (name, state, labels, people, comments) = said(OTHER);
    assert_eq!(name, "Crash of octo/other");
    assert_eq!(
        (state.as_str(), labels.as_str(), people.as_str()),
        ("In Progress", "Defect", "grace")
    );
    assert!(comments.contains("in the second") && !comments.contains("first"), "{comments}");
    assert_eq!(world.twins().len(), 2);

    // What happens to the one is nothing to the other.
    let before = said(REPOSITORY);
    ada.close(OTHER, 1, CloseReason::Completed).unwrap();
    ada.unlabel(OTHER, 1, "bug").unwrap();
    world.settle().await;
    assert_eq!(said(OTHER).1, "Cancelled");
    assert_eq!(said(OTHER).2, "");
    assert_eq!(said(REPOSITORY), before);
    let writes = world.writes();
    ada.rename_repository(OTHER, "renamed").unwrap();
    world.settle().await;
    assert_eq!(world.twins().len(), 2);
    assert_eq!(world.writes(), writes, "nothing is left to write");
}

#[tokio::test]
async fn two_repositories_share_a_project_and_nothing_is_mixed_up_on_sqlite() {
    two_repositories_share_a_project(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn two_repositories_share_a_project_and_nothing_is_mixed_up_on_postgresql() {
    two_repositories_share_a_project(Kind::Postgres, Asking::Rest).await;
}

/// `mobile` goes to a project of its own, `desktop` to one more.
struct Placed {
    world: World,
    mobile: Uuid,
    desktop: Uuid,
}

fn rule(name: &str, label: &str, project: &str) -> String {
    format!(
        "name = '{name}'\nwhen = '\"{label}\" in issue.labels'\nset.plane_project = '{project}'\nset.state = '\"Todo\"'\n"
    )
}

impl Placed {
    async fn new(kind: Kind, asking: Asking) -> Self {
        let mut world = World::new(kind, asking).await;
        let mobile = world.plane.add_project("MOB", "Mobile");
        let desktop = world.plane.add_project("DESK", "Desktop");
        let ada = world.github.acting_as("ada");
        for label in ["mobile", "desktop", "bug"] {
            ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
        }
        world.stop().await;
        let rules = [
            rule("mobile", "mobile", &mobile.to_string()),
            rule("desktop", "desktop", &format!("\"{desktop}\"").replace('\'', "")),
        ];
        let rules = rules.iter().map(|rule| toml::from_str(rule).unwrap());
        world.config.repositories[0].rules = rules.collect();
        world.start().await;
        Self { world, mobile, desktop }
    }

    fn open(&self, title: &str, labels: &[&str]) -> u64 {
        let ada = self.world.github.acting_as("ada");
        let labels = labels.iter().copied();
        ada.open_issue(REPOSITORY, &NewIssue::titled(title).with_labels(labels)).unwrap()
    }

    fn twin(&self, number: u64) -> Item {
        self.world.twin(&self.world.issue(number))
    }

    async fn link(&self, number: u64) -> IssueLink {
        let item = WorkItemRef::new(format!("github:{}", self.world.issue(number).id));
        let mut links = self.world.store.links_of(&item).await.unwrap();
        assert_eq!(links.len(), 1, "an issue has one link");
        links.remove(0)
    }

    /// What an issue's timeline says.
    async fn said(&self, number: u64) -> String {
        let item = WorkItemRef::new(format!("github:{}", self.world.issue(number).id));
        let timeline = self.world.store.item_timeline(&item, 50).await.unwrap();
        timeline.into_iter().map(|entry| entry.reason).collect::<Vec<_>>().join("\n")
    }

    async fn sync(&self, number: u64) -> String {
        let world = &self.world;
        let sync = issue_sync(&world.config, &world.store, &Clock::System);
        let name = REPOSITORY.parse().unwrap();
        let repository = world.store.find_repository(&name, None).await.unwrap().unwrap();
        let target = Target { repository, issue: world.issue(number).id, number };
        let done = sync.sync(&target, Told::default(), 1, WhenGone::Recreate).await;
        done.unwrap().reason()
    }
}

async fn a_rule_puts_issues_into_a_project_of_their_own(kind: Kind, asking: Asking) {
    let placed = Placed::new(kind, asking).await;
    let world = &placed.world;
    placed.open("Plain", &["bug"]);
    placed.open("On the phone", &["mobile", "bug"]);
    placed.open("On the desk", &["desktop"]);
    world.github.acting_as("ada").assign(REPOSITORY, 2, "ada").unwrap();
    world.github.acting_as("ada").comment(REPOSITORY, 2, "A word").unwrap();
    world.settle().await;
    let expected = [(1, world.project), (2, placed.mobile), (3, placed.desktop)];
    for (number, project) in expected {
        let item = placed.twin(number);
        assert_eq!(item.project, project, "{number}");
        let states = world.plane.states();
        let state = states.iter().find(|state| state.id == item.state).unwrap();
        assert_eq!(state.project, project, "its state is one of that project");
        let name = if number == 1 { "Backlog" } else { "Todo" };
        assert_eq!(state.name, name);
        let labels = world.plane.labels();
        let of = |id: &Uuid| labels.iter().find(|label| label.id == *id).unwrap().project;
        assert!(item.labels.iter().all(|label| of(label) == project), "its labels, too");
        assert_eq!(placed.link(number).await.key.plane_project, project.to_string());
    }
    assert_eq!(world.labels_of(&placed.twin(2)).len(), 2);
    assert_eq!(world.assignees_of(&placed.twin(2)).len(), 1);
    assert_eq!(world.plane.comments(placed.twin(2).id).len(), 1);
    assert_eq!(placed.link(2).await.placed_by.as_deref(), Some("mobile"));
    assert_eq!(placed.link(1).await.placed_by, None);
    // They are kept in step there, and another look writes nothing.
    world.github.acting_as("ada").retitle(REPOSITORY, 2, "On the telephone").unwrap();
    world.settle().await;
    assert_eq!(placed.twin(2).name, "On the telephone");
    let writes = world.writes();
    for number in 1..=3 {
        placed.sync(number).await;
    }
    world.settle().await;
    assert_eq!(world.writes(), writes);
    assert_eq!(world.twins().len(), 3);
}

#[tokio::test]
async fn a_rule_puts_issues_into_a_project_of_their_own_on_sqlite() {
    a_rule_puts_issues_into_a_project_of_their_own(Kind::Sqlite, Asking::Rest).await;
}

#[tokio::test]
async fn a_rule_puts_issues_into_a_project_of_their_own_on_postgresql() {
    a_rule_puts_issues_into_a_project_of_their_own(Kind::Postgres, Asking::Rest).await;
}

async fn what_was_made_stays_in_its_project(kind: Kind) {
    let mut placed = Placed::new(kind, Asking::Rest).await;
    placed.open("On the phone", &["mobile"]);
    placed.open("Plain", &[]);
    placed.world.settle().await;
    let ada = placed.world.github.acting_as("ada");
    // The labels change, and with them what the rules say.
    ada.unlabel(REPOSITORY, 1, "mobile").unwrap();
    ada.label(REPOSITORY, 1, "desktop").unwrap();
    ada.label(REPOSITORY, 2, "mobile").unwrap();
    placed.world.settle().await;
    assert_eq!(placed.twin(1).project, placed.mobile);
    assert_eq!(placed.twin(2).project, placed.world.project);
    let wanted = placed.link(1).await.wanted_project;
    assert_eq!(wanted, Some(placed.desktop.to_string()));
    let said = placed.said(1).await;
    let remedy = "it stays in";
    assert!(said.contains("the rule “desktop” wants it in Plane's project"), "{said}");
    assert!(said.contains(remedy) && said.contains("jetbridge sync octo/hello#1"), "{said}");
    // The rules themselves change: what was placed stays all the same, and is kept in step.
    placed.world.stop().await;
    placed.world.config.repositories[0].rules.clear();
    placed.world.start().await;
    let ada = placed.world.github.acting_as("ada");
    ada.retitle(REPOSITORY, 1, "Still on the phone").unwrap();
    ada.retitle(REPOSITORY, 2, "Still plain").unwrap();
    placed.world.settle().await;
    let first = placed.twin(1);
    assert_eq!((first.name.as_str(), first.project), ("Still on the phone", placed.mobile));
    assert_eq!(placed.link(1).await.wanted_project, Some(placed.world.project.to_string()));
    assert_eq!(placed.link(2).await.wanted_project, None, "it is where it is wanted again");
    let writes = placed.world.writes();
    let said = placed.sync(1).await;
    assert!(said.contains("the configuration of octo/hello wants it"), "{said}");
    assert_eq!(placed.world.writes(), writes, "nothing is written twice");
    // The remedy: deleted there, and made anew where it is wanted.
    placed.world.plane.person("ada").unwrap().delete_item(first.id).unwrap();
    placed.sync(1).await;
    let made = placed.twin(1);
    assert_eq!((made.name.as_str(), made.project), ("Still on the phone", placed.world.project));
    let link = placed.link(1).await;
    assert_eq!((link.wanted_project, link.placed_by), (None, None));
    assert_eq!(placed.world.plane.links(made.id).len(), 1);
}

#[tokio::test]
async fn what_was_made_stays_in_its_project_and_says_what_to_do_on_sqlite() {
    what_was_made_stays_in_its_project(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_was_made_stays_in_its_project_and_says_what_to_do_on_postgresql() {
    what_was_made_stays_in_its_project(Kind::Postgres).await;
}

#[tokio::test]
async fn an_issue_for_which_no_rule_names_a_project_is_left_out_where_there_is_none_of_its_own() {
    let mut placed = Placed::new(Kind::Sqlite, Asking::Rest).await;
    placed.world.stop().await;
    placed.world.config.repositories[0].plane_project = None;
    placed.world.start().await;
    placed.open("Plain", &[]);
    placed.open("On the desk", &["desktop"]);
    placed.world.settle().await;
    assert_eq!(placed.world.twins().len(), 1);
    assert_eq!(placed.twin(2).project, placed.desktop);
    let said = placed.said(1).await;
    assert!(said.contains("left out by the rules of octo/hello: none of them names"), "{said}");
    // Once one does, it is made.
    placed.world.github.acting_as("ada").label(REPOSITORY, 1, "mobile").unwrap();
    placed.world.settle().await;
    assert_eq!(placed.twin(1).project, placed.mobile);
}

#[tokio::test]
async fn a_label_comes_into_the_projects_of_rules_with_the_first_issue_that_carries_it() {
    let mut placed = Placed::new(Kind::Sqlite, Asking::Rest).await;
    placed.world.stop().await;
    placed.world.config.repositories[0].plane_project = None;
    placed.world.start().await;
    let ada = placed.world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "later", "0000ff").unwrap();
    placed.world.settle().await;
    let labels = |placed: &Placed, project: Uuid| -> Vec<String> {
        let all = placed.world.plane.labels().into_iter();
        all.filter(|label| label.project == project).map(|label| label.name).collect()
    };
    assert_eq!(labels(&placed, placed.mobile), Vec::<String>::new());
    placed.open("On the desk", &["desktop", "later"]);
    placed.world.settle().await;
    ada.rename_label(REPOSITORY, "later", "soon").unwrap();
    placed.world.settle().await;
    let mut carried = labels(&placed, placed.desktop);
    carried.sort_unstable();
    assert_eq!(carried, ["desktop", "soon"]);
    assert_eq!(labels(&placed, placed.mobile), Vec::<String>::new());
}

#[tokio::test]
async fn a_project_that_the_key_does_not_show_waits_with_its_name_and_nothing_is_lost() {
    let mut placed = Placed::new(Kind::Sqlite, Asking::Rest).await;
    let nowhere = "11111111-2222-4333-8444-555555555555";
    placed.world.stop().await;
    let rules = placed.world.config.repositories[0].rules.clone();
    placed.world.config.repositories[0].rules =
        vec![toml::from_str(&rule("mobile", "mobile", nowhere)).unwrap()];
    placed.world.receive_only().await;
    placed.open("On the phone", &["mobile"]);
    placed.open("Plain", &[]);
    placed.world.github.settled().await;
    placed.world.stop().await;
    placed.world.start().await;
    let world = &placed.world;
    crate::support::process::eventually("a reason", || async {
        let item = WorkItemRef::new(format!("github:{}", world.issue(1).id));
        let links = world.store.links_of(&item).await.unwrap();
        links.first().is_some_and(|link| link.last_error.is_some())
    })
    .await;
    let why = placed.link(1).await.last_error.unwrap();
    assert!(why.contains("the rule “mobile” of octo/hello") && why.contains(nowhere), "{why}");
    assert!(why.contains("make the API key's user a member of the project"), "{why}");
    let goes_on = || async { world.twins().len() == 1 };
    crate::support::process::eventually("what is in order goes on", goes_on).await;
    placed.world.stop().await;
    placed.world.config.repositories[0].rules = rules;
    placed.world.start().await;
    placed.sync(1).await;
    assert_eq!(placed.twin(1).project, placed.mobile);
}

#[tokio::test]
async fn labels_are_made_beside_a_rule_whose_project_the_key_does_not_show() {
    let mut placed = Placed::new(Kind::Sqlite, Asking::Rest).await;
    let nowhere = "11111111-2222-4333-8444-555555555555";
    placed.world.stop().await;
    placed.world.config.repositories[0].rules =
        vec![toml::from_str(&rule("mobile", "mobile", nowhere)).unwrap()];
    placed.world.start().await;
    let world = &placed.world;
    world.github.acting_as("ada").add_label(REPOSITORY, "later", "0000ff").unwrap();
    world.settle().await;
    let labels = world.plane.labels();
    assert!(labels.iter().any(|label| label.project == world.project && label.name == "later"));
}

#[tokio::test]
async fn other_rules_say_how_many_items_would_stay_where_they_are() {
    let placed = Placed::new(Kind::Sqlite, Asking::Rest).await;
    placed.open("On the phone", &["mobile"]);
    placed.open("Plain", &["desktop"]);
    placed.world.settle().await;
    let world = &placed.world;
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let before = world.config.repositories[0].settings();
    let rules = vec![toml::from_str(&rule("all", "mobile", &placed.desktop.to_string())).unwrap()];
    let after = RepositorySettings { rules, ..before.clone() };
    let name = REPOSITORY.parse().unwrap();
    let own = (Some(world.project), None);
    let foreseen =
        sync.foresee(&name, own, one_way(&before), one_way(&after)).await.unwrap().unwrap();
    assert_eq!((foreseen.links, foreseen.staying), (2, 2), "{foreseen:?}");
    let same = sync.foresee(&name, own, one_way(&before), one_way(&before)).await.unwrap().unwrap();
    assert_eq!((same.changing, same.staying), (0, 0));
}

#[tokio::test]
async fn a_killed_creation_in_a_ruled_project_is_taken_up_there() {
    use jetbridge::sim::plane::{On, RequestFault};
    let placed = Placed::new(Kind::Sqlite, Asking::Rest).await;
    // The item is made, its answer lost; meanwhile the rules say another project.
    placed.world.plane.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    placed.open("On the phone", &["mobile"]);
    crate::support::process::eventually("an item", || async { !placed.world.twins().is_empty() })
        .await;
    placed.world.github.acting_as("ada").unlabel(REPOSITORY, 1, "mobile").unwrap();
    placed.world.github.acting_as("ada").label(REPOSITORY, 1, "desktop").unwrap();
    placed.world.quiet().await;
    assert_eq!(placed.world.twins().len(), 1, "one item, wherever it was made first");
    let item = placed.twin(1);
    assert_eq!(placed.link(1).await.key.plane_project, item.project.to_string());
}

const BETA: &str = "beta";
const BETA_SECRET: &str = "plane_wh_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A second repository, whose project is in another workspace of the same Plane; a rule puts some
/// of its issues into a second project there.
struct Beta {
    world: World,
    project: Uuid,
    mobile: Uuid,
}

impl Beta {
    async fn new(kind: Kind, asking: Asking) -> Self {
        let mut world = World::new(kind, asking).await;
        let project = world.plane.add_project_in(BETA, "SYNC", "Named like the first");
        let mobile = world.plane.add_project_in(BETA, "MOB", "Mobile");
        with_another(&mut world).await;
        world.stop().await;
        let second = &mut world.config.repositories[1];
        second.plane_project = Some(project);
        second.plane_workspace = Some(BETA.parse().unwrap());
        second.rules =
            vec![toml::from_str(&rule("mobile", "mobile", &mobile.to_string())).unwrap()];
        let both = [crate::world::PLANE_SECRET.to_owned(), BETA_SECRET.to_owned()];
        world.config.plane.webhook_secret = jetbridge::config::Secrets::new(both);
        let port = world.config.listen.port();
        let url = format!("http://127.0.0.1:{port}/api/webhooks/plane");
        world.plane.add_webhook_in(BETA, &url, BETA_SECRET);
        world.start().await;
        Self { world, project, mobile }
    }

    fn twin(&self, repository: &str, number: u64) -> Item {
        self.world.twin(&issue_of(&self.world, repository, number))
    }

    /// The address of an item as the board knows it.
    async fn url(&self, item: &Item) -> String {
        let item = WorkItemRef::new(format!("plane:{}", item.id));
        let known = self.world.store.work_item(&item).await.unwrap();
        known.unwrap_or_else(|| panic!("{item} is not known")).state.unwrap().url.unwrap()
    }
}

async fn each_repository_goes_to_its_own_workspace(kind: Kind, asking: Asking) {
    let beta = Beta::new(kind, asking).await;
    let world = &beta.world;
    let ada = world.github.acting_as("ada");
    ada.add_label(OTHER, "mobile", "d73a4a").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("In acme")).unwrap();
    ada.open_issue(OTHER, &NewIssue::titled("In beta")).unwrap();
    let mobile = NewIssue::titled("In beta, on the phone").with_labels(["mobile"]);
    ada.open_issue(OTHER, &mobile).unwrap();
    ada.assign(OTHER, 1, "octocat").unwrap();
    ada.comment(OTHER, 1, "A word").unwrap();
    world.settle().await;
    let expected = [
        (REPOSITORY, 1, world.project, "acme/browse/SYNC-1/"),
        (OTHER, 1, beta.project, "beta/browse/SYNC-1/"),
        (OTHER, 2, beta.mobile, "beta/browse/MOB-1/"),
    ];
    for (repository, number, project, address) in expected {
        let item = beta.twin(repository, number);
        assert_eq!(item.project, project);
        // Plane's webhook says neither slug nor key: both are looked up in the right workspace.
        let url = beta.url(&item).await;
        assert_eq!(url, format!("https://plane.example.com/{address}"));
    }
    assert_eq!(world.assignees_of(&beta.twin(OTHER, 1)).len(), 1);
    assert_eq!(world.plane.comments(beta.twin(OTHER, 1).id).len(), 1);
    ada.close(OTHER, 1, CloseReason::Completed).unwrap();
    ada.retitle(OTHER, 2, "Still on the phone").unwrap();
    world.settle().await;
    assert_eq!(world.state_of(&beta.twin(OTHER, 1)), "Cancelled");
    assert_eq!(beta.twin(OTHER, 2).name, "Still on the phone");
    assert_eq!(world.twins().len(), 3);
    // What people make there is on the board with its address, too.
    let person = world.plane.person("grace").unwrap();
    let own = person.create_item(beta.project, "By hand", "<p></p>").unwrap();
    world.settle().await;
    let own = world.plane.item(own).unwrap();
    assert_eq!(beta.url(&own).await, "https://plane.example.com/beta/browse/SYNC-2/");
}

#[tokio::test]
async fn each_repository_goes_to_its_own_workspace_on_sqlite() {
    each_repository_goes_to_its_own_workspace(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn each_repository_goes_to_its_own_workspace_on_postgresql() {
    each_repository_goes_to_its_own_workspace(Kind::Postgres, Asking::Rest).await;
}

#[tokio::test]
async fn what_was_made_is_kept_in_step_in_its_workspace_when_the_repository_moves_to_another() {
    let mut beta = Beta::new(Kind::Sqlite, Asking::Rest).await;
    let ada = beta.world.github.acting_as("ada");
    ada.add_label(OTHER, "mobile", "d73a4a").unwrap();
    ada.open_issue(OTHER, &NewIssue::titled("On the phone").with_labels(["mobile"])).unwrap();
    beta.world.settle().await;
    assert_eq!(beta.twin(OTHER, 1).project, beta.mobile);
    beta.world.stop().await;
    let second = &mut beta.world.config.repositories[1];
    (second.plane_project, second.plane_workspace) = (Some(beta.world.project), None);
    beta.world.start().await;
    let ada = beta.world.github.acting_as("ada");
    ada.retitle(OTHER, 1, "Kept in step").unwrap();
    ada.open_issue(OTHER, &NewIssue::titled("New")).unwrap();
    beta.world.settle().await;
    let first = beta.twin(OTHER, 1);
    assert_eq!((first.project, first.name.as_str()), (beta.mobile, "Kept in step"));
    assert_eq!(beta.twin(OTHER, 2).project, beta.world.project);
}

#[tokio::test]
async fn labels_go_on_where_a_rules_project_is_in_a_workspace_that_the_repository_left() {
    let mut beta = Beta::new(Kind::Sqlite, Asking::Rest).await;
    let ada = beta.world.github.acting_as("ada");
    ada.add_label(OTHER, "mobile", "d73a4a").unwrap();
    ada.open_issue(OTHER, &NewIssue::titled("On the phone").with_labels(["mobile"])).unwrap();
    beta.world.settle().await;
    beta.world.stop().await;
    let second = &mut beta.world.config.repositories[1];
    (second.plane_project, second.plane_workspace) = (Some(beta.world.project), None);
    beta.world.start().await;
    let ada = beta.world.github.acting_as("ada");
    ada.add_label(OTHER, "later", "0000ff").unwrap();
    beta.world.settle().await;
    let labels = beta.world.plane.labels();
    let is_there = |label: &Label| label.project == beta.world.project && label.name == "later";
    assert!(labels.iter().any(is_there));
    let filter = DeliveryFilter { event: Some("label".to_owned()), ..DeliveryFilter::default() };
    let newest = beta.world.store.deliveries(&filter, None, 1).await.unwrap().remove(0);
    let said = newest.result.unwrap();
    assert!(said.contains(&format!("Plane does not show the project {}", beta.mobile)), "{said}");
}

#[tokio::test]
async fn a_workspace_that_the_key_does_not_reach_waits_and_the_others_go_on() {
    let mut beta = Beta::new(Kind::Sqlite, Asking::Rest).await;
    beta.world.stop().await;
    beta.world.config.repositories[1].plane_workspace = Some("gamma".parse().unwrap());
    beta.world.start().await;
    let ada = beta.world.github.acting_as("ada");
    ada.open_issue(OTHER, &NewIssue::titled("Waits")).unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("Goes on")).unwrap();
    let world = &beta.world;
    let item = WorkItemRef::new(format!("github:{}", issue_of(world, OTHER, 1).id));
    crate::support::process::eventually("a reason and an item", || async {
        let links = world.store.links_of(&item).await.unwrap();
        links.first().is_some_and(|link| link.last_error.is_some()) && world.twins().len() == 1
    })
    .await;
    let why = world.store.links_of(&item).await.unwrap().remove(0).last_error.unwrap();
    assert!(why.contains("the workspace gamma"), "{why}");
    // Put right, it is made: nothing was bound to the wrong one.
    beta.world.stop().await;
    beta.world.config.repositories[1].plane_workspace = Some(BETA.parse().unwrap());
    beta.world.start().await;
    let world = &beta.world;
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let name = OTHER.parse().unwrap();
    let repository = world.store.find_repository(&name, None).await.unwrap().unwrap();
    let target = Target { repository, issue: issue_of(world, OTHER, 1).id, number: 1 };
    sync.sync(&target, Told::default(), 1, WhenGone::Recreate).await.unwrap();
    assert_eq!(beta.twin(OTHER, 1).project, beta.project);
}

#[tokio::test]
async fn several_workspaces_share_the_quota_of_their_key() {
    let beta = Beta::new(Kind::Sqlite, Asking::Nobody).await;
    let world = &beta.world;
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let (one, other) = (sync.plane_in(None).unwrap(), sync.plane_in(Some(&BETA.parse().unwrap())));
    let other = other.unwrap();
    assert_eq!((one.workspace(), other.workspace()), ("acme", BETA));
    assert_eq!(one.account_name(), other.account_name());
    let before = format!("{:?}", other.account());
    one.fetch_me().await.unwrap();
    assert_ne!(format!("{:?}", other.account()), before, "what one asks, the other has asked");
}

#[tokio::test]
async fn a_project_that_no_repository_goes_by_is_looked_for_in_every_workspace() {
    let mut beta = Beta::new(Kind::Sqlite, Asking::Nobody).await;
    let ops = beta.world.plane.add_project_in(BETA, "OPS", "Nobody's");
    let person = beta.world.plane.person("grace").unwrap();
    let first = person.create_item(ops, "By hand", "<p></p>").unwrap();
    beta.world.settle().await;
    let first = beta.world.plane.item(first).unwrap();
    let expected = "https://plane.example.com/beta/browse/OPS-1/";
    assert_eq!(beta.url(&first).await, expected);
    // Where it was found is known after a restart, too.
    beta.world.stop().await;
    beta.world.start().await;
    let asked = beta.world.plane.requests().len();
    let person = beta.world.plane.person("grace").unwrap();
    person.edit_title(first.id, "Called otherwise").unwrap();
    beta.world.settle().await;
    assert_eq!(beta.url(&first).await, expected);
    assert_eq!(beta.world.plane.requests().len(), asked, "nothing had to be asked");
}
