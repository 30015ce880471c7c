//! Two GitHub servers beside each other: the same names, the same numbers, and nothing mixed up.

use std::collections::BTreeSet;
use std::time::Duration;

use jetbridge::app::outside::issue_sync;
use jetbridge::clients::webhook_sender::{Answer, GithubWebhook, post_github_webhook};
use jetbridge::clock::Clock;
use jetbridge::config::{GithubHost, GithubHostConfig, RepositoryConfig, RepositoryName, Secrets};
use jetbridge::drift::Walk;
use jetbridge::ids::DeliveryId;
use jetbridge::jobs::backfill::{Backfill, Begin, Step};
use jetbridge::jobs::process_delivery::PlaneAddress;
use jetbridge::jobs::reconcile::{Doing, Reconcile};
use jetbridge::jobs::recover::{Recover, Task};
use jetbridge::sim::github::{
    CloseReason, NewHook, NewIssue, SimGitHub, SimGitHubConfig, SimToken, WebhookFault,
};
use jetbridge::sim::plane::Item;
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};
use jetbridge::sync::github::Issue;

use crate::support::databases::Kind;
use crate::world::{Asking, GITHUB_SECRET, REPOSITORY, World};

const SERVER: &str = "ghe.example.com";
const SERVER_SECRET: &str = "typed at the other server";
const SERVER_TOKEN: &str = "ghp_of_the_other_server";

/// A world with a second server, on which a repository has the name of the first one's.
struct Two {
    world: World,
    server: SimGitHub,
    host: GithubHost,
    name: RepositoryName,
    hook: u64,
}

impl Two {
    async fn new(kind: Kind, asking: Asking) -> Self {
        let mut world = World::with_slow_github(kind, asking).await;
        world.stop().await;
        let config = SimGitHubConfig {
            tokens: vec![SimToken::full(SERVER_TOKEN, "sync-bot")],
            clock: world.github_clock.clone(),
            web_url: format!("https://{SERVER}"),
            server: Some(SERVER.to_owned()),
            ..SimGitHubConfig::default()
        };
        let server = SimGitHub::start(config).await.unwrap();
        server.add_repository(REPOSITORY).unwrap();
        let host: GithubHost = SERVER.parse().unwrap();
        let name: RepositoryName = format!("{SERVER}/{REPOSITORY}").parse().unwrap();
        let token = match asking {
            Asking::Rest => Secrets::new([SERVER_TOKEN.to_owned()]),
            Asking::Nobody => Secrets::none(),
        };
        world.config.github.hosts.push(GithubHostConfig {
            host: host.clone(),
            api_url: server.api_url(),
            webhook_secret: Secrets::new([SERVER_SECRET.to_owned()]),
            token,
        });
        let first = world.config.repositories[0].clone();
        world.config.repositories.push(RepositoryConfig { name: name.clone(), ..first });
        let hook = NewHook::to(endpoint(&world), SERVER_SECRET);
        let hook = server.add_hook(REPOSITORY, hook).unwrap();
        world.start().await;
        Self { world, server, host, name, hook }
    }

    async fn settle(&self) {
        self.server.settled().await;
        self.world.settle().await;
        self.world.github_clock.advance(Duration::from_secs(1));
    }

    /// An issue of the second server's, as it is known among those of both.
    fn there(&self, number: u64) -> Issue {
        let issues = self.server.issues(REPOSITORY).unwrap();
        let issue = issues.into_iter().find(|issue| issue.number == number).unwrap();
        issue.on(&self.host)
    }

    fn items(&self, number: u64) -> [Item; 2] {
        [self.world.twin(&self.world.issue(number)), self.world.twin(&self.there(number))]
    }
}

fn endpoint(world: &World) -> String {
    format!("http://127.0.0.1:{}/api/webhooks/github-mcp/", world.config.listen.port())
}

fn words(world: &World, item: &Item) -> String {
    let comments = world.plane.comments(item.id);
    comments.into_iter().map(|comment| comment.comment_html).collect()
}

async fn two_servers_are_never_mixed_up(kind: Kind, asking: Asking) {
    let two = Two::new(kind, asking).await;
    let world = &two.world;
    for (github, place) in [(&world.github, "here"), (&two.server, "there")] {
        // The hook's ping takes an id, too.
        github.settled().await;
        let ada = github.acting_as("ada");
        let issue = NewIssue::titled(format!("Crash {place}")).with_labels([place]);
        assert_eq!(ada.open_issue(REPOSITORY, &issue).unwrap(), 1);
        ada.comment(REPOSITORY, 1, &format!("Seen {place}.")).unwrap();
        ada.open_issue(REPOSITORY, &NewIssue::titled(format!("Part {place}"))).unwrap();
        ada.add_sub_issue((REPOSITORY, 1), (REPOSITORY, 2)).unwrap();
    }
    two.settle().await;
    let own = two.server.issues(REPOSITORY).unwrap();
    assert_eq!(own[0].id, world.issue(1).id, "both servers count alike");
    assert_eq!(world.twins().len(), 4);
    let (crash, part) = (two.items(1), two.items(2));
    for (at, place) in ["here", "there"].into_iter().enumerate() {
        assert_eq!(crash[at].name, format!("Crash {place}"));
        assert_eq!(world.labels_of(&crash[at]), BTreeSet::from([place.to_owned()]));
        assert!(words(world, &crash[at]).contains(&format!("Seen {place}.")));
        assert_eq!(world.plane.comments(crash[at].id).len(), 1);
        assert_eq!(part[at].parent, Some(crash[at].id), "each under its own");
    }
    assert_eq!(world.plane.links(crash[1].id)[0].url, two.there(1).html_url);
    assert!(two.there(1).html_url.starts_with("https://ghe.example.com/octo/hello/"));

    // What happens on the one is nothing to the other.
    let ada = two.server.acting_as("ada");
    ada.close(REPOSITORY, 1, CloseReason::Completed).unwrap();
    ada.retitle(REPOSITORY, 2, "Another part").unwrap();
    two.settle().await;
    let (crash, part) = (two.items(1), two.items(2));
    assert_eq!(crash.each_ref().map(|item| world.state_of(item)), ["Backlog", "Done"]);
    assert_eq!(part.map(|item| item.name), ["Part here", "Another part"]);
    let writes = world.writes();
    two.server.redeliver_failed(REPOSITORY, two.hook).unwrap();
    two.settle().await;
    assert_eq!(world.writes(), writes);
}

#[tokio::test]
async fn two_servers_of_equal_names_and_numbers_are_never_mixed_up_as_webhooks_tell_it() {
    two_servers_are_never_mixed_up(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn two_servers_of_equal_names_and_numbers_are_never_mixed_up_as_github_tells_it() {
    two_servers_are_never_mixed_up(Kind::Postgres, Asking::Rest).await;
}

#[tokio::test]
async fn a_pull_request_moves_the_issues_of_its_own_server() {
    let mut two = Two::new(Kind::Sqlite, Asking::Nobody).await;
    two.world.stop().await;
    for repository in &mut two.world.config.repositories {
        repository.states = [("pull_opened".to_owned(), "In Progress".to_owned())].into();
    }
    two.world.start().await;
    for github in [&two.world.github, &two.server] {
        github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    }
    two.settle().await;
    let pull = NewIssue::titled("Mend").with_body("Fixes #1");
    two.server.acting_as("ada").open_pull_request(REPOSITORY, &pull, "mend").unwrap();
    two.settle().await;
    let states = two.items(1).map(|item| two.world.state_of(&item));
    assert_eq!(states, ["Backlog", "In Progress"]);
}

#[tokio::test]
async fn a_person_of_another_server_is_another_person() {
    let two = Two::new(Kind::Sqlite, Asking::Rest).await;
    for github in [&two.world.github, &two.server] {
        let ada = github.acting_as("ada");
        ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
        ada.assign(REPOSITORY, 1, "octocat").unwrap();
    }
    two.settle().await;
    let unmapped = two.world.store.unmapped_people().await.unwrap();
    let logins: BTreeSet<_> = unmapped.iter().map(|person| person.login.as_str()).collect();
    assert_eq!(logins, BTreeSet::from(["octocat", "ghe.example.com/octocat"]));
}

async fn post(world: &World, server: Option<&str>, secret: &str) -> Answer {
    forge(world, server, secret, (7, REPOSITORY), 5).await
}

async fn forge(
    world: &World,
    server: Option<&str>,
    secret: &str,
    (id, name): (u64, &str),
    issue: u64,
) -> Answer {
    let body = serde_json::json!({
        "action": "opened",
        "issue": {"id": issue, "number": 9, "title": "Forged", "updated_at": "2026-11-22T00:00:00Z"},
        "repository": {"id": id, "full_name": name},
    });
    let webhook = GithubWebhook {
        delivery_id: DeliveryId::new(uuid::Uuid::new_v4().to_string()),
        event: "issues",
        server: server.map(str::to_owned),
        body: body.to_string().into_bytes(),
    };
    let limit = Duration::from_secs(5);
    post_github_webhook(&endpoint(world), Some(secret), webhook, limit).await.unwrap()
}

#[tokio::test]
async fn nobody_who_has_one_servers_secret_speaks_for_the_other() {
    let two = Two::new(Kind::Sqlite, Asking::Nobody).await;
    for (server, secret, status) in [
        (None, GITHUB_SECRET, 202),
        (Some(SERVER), SERVER_SECRET, 202),
        (Some("GHE.example.com"), SERVER_SECRET, 202),
        (Some(SERVER), GITHUB_SECRET, 401),
        (None, SERVER_SECRET, 401),
        (Some("unknown.example.com"), SERVER_SECRET, 401),
    ] {
        let answer = post(&two.world, server, secret).await;
        assert_eq!(answer.status, status, "{server:?} {secret}: {}", answer.body);
    }
    // Nor by a name or by numbers that would be the other's.
    let there = format!("{SERVER}/{REPOSITORY}");
    let answer = forge(&two.world, None, GITHUB_SECRET, (7, &there), 5).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let (repository, issue) = (two.host.id(7), two.host.id(5));
    let answer = forge(&two.world, None, GITHUB_SECRET, (repository, REPOSITORY), issue).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    two.world.quiet().await;
    let failed = DeliveryFilter { status: Some(DeliveryStatus::Failed), ..Default::default() };
    let failed = two.world.store.deliveries(&failed, None, 10).await.unwrap();
    let errors: Vec<_> =
        failed.iter().filter_map(|delivery| delivery.last_error.as_deref()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("greater than any id of GitHub's"), "{errors:?}");
}

#[tokio::test]
async fn what_a_second_server_lost_is_asked_for_there() {
    let two = Two::new(Kind::Sqlite, Asking::Rest).await;
    two.server.add_webhook_faults([WebhookFault::Lose]);
    two.server.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Lost")).unwrap();
    two.settle().await;
    assert_eq!(two.world.twins().len(), 0);
    let world = &two.world;
    let github = issue_sync(&world.config, &world.store, &world.clock).github.unwrap();
    let port = world.config.listen.port();
    let url = format!("http://127.0.0.1:{port}");
    // Past the time in which an attempt may still be on its way.
    let clock = Clock::manual(Clock::System.now() + Duration::from_mins(5));
    let recover = Recover::new(&world.store, &clock, github, &url);
    let report = recover.run(&Task::of_schedule(), |_| {}).await.unwrap();
    let problems: Vec<_> = report.places.iter().filter_map(|p| p.problem.as_deref()).collect();
    assert_eq!(problems, Vec::<&str>::new());
    two.settle().await;
    assert_eq!(world.twin(&two.there(1)).name, "Lost");
}

#[tokio::test]
async fn old_issues_of_a_second_server_come_and_both_sides_are_compared() {
    let two = Two::new(Kind::Sqlite, Asking::Rest).await;
    let world = &two.world;
    two.server.hold_webhooks();
    let ada = two.server.acting_as("ada");
    for title in ["One", "Two"] {
        let number = ada.open_issue(REPOSITORY, &NewIssue::titled(title)).unwrap();
        ada.comment(REPOSITORY, number, "As it was.").unwrap();
    }
    two.server.release_webhooks(|_| Vec::new());
    let sync = issue_sync(&world.config, &world.store, &world.clock);
    let rest = sync.github.as_ref().unwrap().rest(&two.name).unwrap().clone();
    let repository = world.store.find_repository(&two.name, None).await.unwrap().unwrap();
    let begun = Backfill::begin(&world.store, &world.clock, &rest, repository, Begin::WhereItWas);
    let mut backfill = begun.await.unwrap();
    while backfill.step().await.unwrap() != Step::Done {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    two.settle().await;
    assert_eq!([1, 2].map(|number| world.twin(&two.there(number)).name), ["One", "Two"]);

    // A change that no webhook told.
    two.server.add_webhook_faults([WebhookFault::Lose]);
    ada.retitle(REPOSITORY, 1, "First").unwrap();
    two.settle().await;
    let repository = world.store.find_repository(&two.name, None).await.unwrap().unwrap();
    let reconcile = Reconcile::new(sync, PlaneAddress { workspace: None, web_url: None });
    let found = reconcile.look(&repository, Walk::Full, Doing::Act, &mut |_, _| {}).await;
    assert_eq!(found.unwrap().put, 1);
    two.settle().await;
    assert_eq!(world.twin(&two.there(1)).name, "First");
    assert!(reconcile.prove(&repository, &mut |_, _| {}).await.unwrap().is_in_sync());

    // A comment that went without a word.
    two.server.add_webhook_faults([WebhookFault::Lose]);
    let comment = two.server.comments(REPOSITORY, 1).unwrap()[0].id;
    ada.delete_comment(REPOSITORY, comment).unwrap();
    two.settle().await;
    for _ in 0..2 {
        reconcile.look(&repository, Walk::Full, Doing::Act, &mut |_, _| {}).await.unwrap();
        two.settle().await;
    }
    assert_eq!(words(world, &world.twin(&two.there(1))), "");
    assert!(reconcile.prove(&repository, &mut |_, _| {}).await.unwrap().is_in_sync());
}
