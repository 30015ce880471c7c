//! The hook of a GitHub App, whose deliveries only the App itself is told of.

use std::time::Duration;

use jetbridge::clients::github_app::{AppKey, BadAppKey};
use jetbridge::clients::github_rest::GitHubRest;
use jetbridge::clock::Clock;
use jetbridge::ids::AppId;
use jetbridge::jobs::recover::{Fate, Report, Task};
use jetbridge::quota::Remote;
use jetbridge::recovery::HookOwner;
use jetbridge::sim::github::{NewHook, RequestFault, SimApp, Switched, WebhookFault};

use crate::on_both_databases;
use crate::support::databases::TestDatabase;
use crate::support::github::SECRET;
use crate::world::{REPOSITORY, TOKEN, World, counts, fates, problem};

/// One that has a hook of its own.
const OTHER: &str = "octo/other";
const KEY: &str = include_str!("../fixtures/github-app/app.pkcs1.pem");
const ANOTHER_KEY: &str = include_str!("../fixtures/github-app/another.pem");

pub fn app(url: &str) -> SimApp {
    SimApp {
        id: 123,
        client_id: "Iv23liAbCdEf".to_owned(),
        name: "Board".to_owned(),
        public_key: include_bytes!("../fixtures/github-app/app.public.der").to_vec(),
        hook: NewHook::to(url, SECRET).for_events(["issues", "issue_comment", "pull_request"]),
    }
}

/// The App is installed in one repository, the other one has a hook of its own.
async fn a_world(database: TestDatabase) -> World {
    let mut world = World::with_repositories(database, &[REPOSITORY, OTHER]).await;
    let url = format!("{}/api/webhooks/github-mcp/", world.public_url);
    world.github.add_app(app(&url));
    world.github.install_app(REPOSITORY).unwrap();
    world.hook = world.github.add_hook(OTHER, NewHook::to(url, SECRET)).unwrap();
    world.github.settled().await;
    world
}

fn asking(world: &World, id: &str, pem: &str, clock: &Clock) -> Result<GitHubRest, BadAppKey> {
    let (key, limit) = (AppKey::read(AppId::new(id), pem)?, Duration::from_secs(5));
    Ok(GitHubRest::of_app(&world.github.api_url(), key, clock.clone(), limit).unwrap())
}

async fn run_as(world: &World, token: &str, app: Result<GitHubRest, BadAppKey>) -> Report {
    let recover = world.recover_with(token).with_app(Some(app));
    let report = recover.run(&Task::of_schedule(), |_| {}).await.unwrap();
    world.arrive().await;
    report
}

async fn run(world: &World) -> Report {
    run_as(world, TOKEN, asking(world, "123", KEY, &world.clock)).await
}

fn asked_at(world: &World, part: &str) -> usize {
    world.github.requests().iter().filter(|request| request.target.contains(part)).count()
}

on_both_databases! {
    async fn the_hook_of_an_app_counts_for_a_repository_without_one(database: TestDatabase) {
        let world = a_world(database).await;
        // What is about no repository is nobody's loss.
        world.github.add_webhook_faults([WebhookFault::Lose]);
        world.github.install_app(REPOSITORY).unwrap();
        let faults = [WebhookFault::Lose, WebhookFault::None, WebhookFault::TimeOut];
        world.open_issues(&faults).await;
        world.open_issues_in(OTHER, &[WebhookFault::Lose]).await;
        let before = world.inbox().await;
        let report = run(&world).await;
        let told: Vec<_> = report.places.iter().map(|p| (p.missing, p.asked, p.problem.as_deref())).collect();
        assert_eq!(told, [(2, 2, None), (1, 1, None)]);
        assert!(report.is_right(), "{report:?}");
        assert_eq!(world.inbox().await, before + 3);
        assert_eq!((asked_at(&world, "/app/hook/deliveries?"), world.asked()), (1, 3));
        let again = run(&world).await;
        assert_eq!((counts(&again), again.came, world.asked()), ((0, 0), 3, 3), "a second run asks for nothing");
        // With its Client ID and for a token that may look at no hooks it is the same.
        world.lose(1).await;
        let report = run_as(&world, "ghp_none", asking(&world, "Iv23liAbCdEf", KEY, &world.clock)).await;
        assert_eq!((counts(&report), problem(&report)), ((1, 1), ""));
        assert_eq!(world.inbox().await, before + 4);
    }

    async fn what_is_wrong_with_an_app_is_told_with_its_remedy_and_keeps_nobody_else_from_looking(database: TestDatabase) {
        let world = a_world(database).await;
        let ours = |id, pem, clock: &Clock| asking(&world, id, pem, clock);
        let (early, late) = (Clock::manual(world.clock.now()), Clock::manual(world.clock.now()));
        late.advance(Duration::from_mins(20));
        let early_world = world.clock.clone();
        for (what, app, said) in [
            ("a key of another App", ours("123", ANOTHER_KEY, &world.clock), "GitHub does not take the key of the GitHub App 123 (401, A JSON web token could not be decoded): set github.app_private_key"),
            ("another App", ours("124", KEY, &world.clock), "GitHub knows no GitHub App 124 with such a hook (404): set github.app_id"),
            ("a clock that is fast", ours("123", KEY, &late), "set this machine's clock"),
            ("no key", ours("123", "secret", &world.clock), "github.app_private_key holds no private key in PEM"),
        ] {
            world.open_issues_in(OTHER, &[WebhookFault::Lose]).await;
            let report = run_as(&world, TOKEN, app).await;
            assert!(problem(&report).contains(said), "{what}: {}", problem(&report));
            assert!(!problem(&report).contains("secret:"), "{what}");
            let other = &report.places[1];
            assert_eq!((other.asked, other.problem.as_deref()), (1, None), "{what}");
        }
        early_world.advance(Duration::from_mins(20));
        let report = run_as(&world, TOKEN, ours("123", KEY, &early)).await;
        assert!(problem(&report).contains("('exp') must be"), "a clock that is slow: {}", problem(&report));
        assert!(problem(&report).contains("set this machine's clock"), "{}", problem(&report));
        let report = run(&world).await;
        assert_eq!(problem(&report), "", "mended");
    }

    async fn an_app_that_sends_nothing_of_a_repository_is_told(database: TestDatabase) {
        let world = a_world(database).await;
        world.github.suspend_app(Switched::On);
        let report = run(&world).await;
        assert!(problem(&report).starts_with("the GitHub App is suspended at octo/app since "), "{}", problem(&report));
        assert!(problem(&report).contains("unsuspend its installation at GitHub"), "{}", problem(&report));
        let url = format!("{}/api/webhooks/github-mcp/", world.public_url);
        world.github.add_app(app(&url));
        let report = run(&world).await;
        assert!(problem(&report).contains(", and the GitHub App is not installed there: set it as"), "{}", problem(&report));
        world.github.add_app(app("https://elsewhere.example/api/webhooks/github-mcp/"));
        world.github.install_app(REPOSITORY).unwrap();
        let report = run(&world).await;
        assert!(problem(&report).contains(", nor does that of the GitHub App: set it as"), "{}", problem(&report));
    }

    async fn the_apps_limit_is_its_own(database: TestDatabase) {
        let world = a_world(database).await;
        world.lose(2).await;
        world.open_issues_in(OTHER, &[WebhookFault::Lose]).await;
        world.github.exhaust_quota("app", Duration::from_hours(1));
        let report = run(&world).await;
        assert_eq!(problem(&report), "of the GitHub App: GitHub's rate limit is used up");
        assert_eq!((report.places[1].asked, report.places[1].problem.as_deref()), (1, None));
        world.clock.advance(Duration::from_hours(1));
        assert_eq!(counts(&run(&world).await), (2, 2));
        // The other way round: the token's hooks are closed, what the App was to ask for is asked for.
        world.lose(1).await;
        world.open_issues_in(OTHER, &[WebhookFault::Lose]).await;
        let limit = RequestFault::PrimaryLimit { resets_in: Duration::from_hours(1) };
        let before_asking = 8;
        world.github.add_request_faults(vec![RequestFault::None; before_asking]);
        world.github.add_request_faults([limit]);
        let report = run(&world).await;
        assert_eq!(report.places.iter().map(|place| place.asked).sum::<u64>(), 1, "{report:#?}");
    }

    async fn the_apps_account_is_not_shown_in_place_of_the_tokens(database: TestDatabase) {
        let world = a_world(database).await;
        let (store, clock) = (&world.app.store, &world.clock);
        let token = world.rest(TOKEN);
        let shared = token.clone().sharing(store.account(Remote::Github, &token.account_name(), clock));
        shared.fetch_facts(&REPOSITORY.parse().unwrap()).await.unwrap();
        store.copy_account(&shared.account_name(), &shared.account(), clock.now()).await.unwrap();
        let before = store.kept_accounts().await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        let app = asking(&world, "123", KEY, clock).unwrap();
        let app = app.clone().sharing(store.account(Remote::Github, &app.account_name(), clock));
        app.fetch_app().await.unwrap();
        app.fetch_app_hook().await.unwrap();
        let kept = store.kept_accounts().await.unwrap();
        assert_eq!((kept.len(), kept), (1, before));
    }

    async fn what_was_noted_at_an_apps_hook_is_asked_for_there_later(database: TestDatabase) {
        let world = a_world(database).await;
        world.lose(1).await;
        let asks = |request: &&jetbridge::sim::github::SeenRequest| request.method == "POST";
        let (recover, look) = (world.recover(), Task { mode: jetbridge::jobs::recover::Mode::Look, ..Task::of_schedule() });
        let recover = recover.with_app(Some(asking(&world, "123", KEY, &world.clock)));
        let before = world.github.requests().len();
        recover.run(&look, |_| {}).await.unwrap();
        let looks = world.github.requests().len() - before;
        world.github.add_request_faults(vec![RequestFault::None; looks]);
        world.github.add_request_faults([RequestFault::Reset]);
        let report = recover.run(&Task::of_schedule(), |_| {}).await.unwrap();
        assert_eq!((counts(&report), fates(&report)), ((1, 0), vec![Fate::Found]));
        let noted = world.app.store.open_requests().await.unwrap();
        assert_eq!((&noted[0].owner, noted[0].hook), (&HookOwner::App, 0));
        // Without the App nobody may ask for it, which is said.
        world.clock.advance(Duration::from_hours(2));
        let url = format!("{}/api/webhooks/github-mcp/", world.public_url);
        world.github.add_hook(REPOSITORY, NewHook::to(url, SECRET)).unwrap();
        world.github.settled().await;
        let report = world.run().await;
        assert!(problem(&report).contains("none is configured any more: set github.app_id"), "{report:#?}");
        let report = run(&world).await;
        assert_eq!((fates(&report), problem(&report)), (vec![Fate::Asked], ""));
        let newest = world.github.requests().iter().rfind(asks).unwrap().target.clone();
        assert!(newest.starts_with("/app/hook/deliveries/"), "{newest}");
        let lost = world.github.app_deliveries();
        assert!(lost.last().unwrap().succeeded(), "{lost:?}");
    }
}
