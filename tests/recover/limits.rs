//! What keeps from looking and asking is said with its remedy, and ends by itself when it is mended.

use std::time::Duration;

use jetbridge::jobs::recover::{Fate, Task};
use jetbridge::sim::github::{Access, NewHook, RequestFault, SimToken};

use crate::on_both_databases;
use crate::support::github::SECRET;
use crate::world::{REPOSITORY, TOKEN, World, counts, fates, problem};

fn tokens() -> Vec<SimToken> {
    let with = |token: &str, webhooks| SimToken {
        webhooks,
        organization_hooks: webhooks,
        ..SimToken::full(token, "bot")
    };
    vec![with(TOKEN, Access::Write), with("ghp_none", Access::None), with("ghp_read", Access::Read)]
}

on_both_databases! {
    async fn a_token_without_the_permission_is_told_which_one_it_needs(database: TestDatabase) {
        let world = World::with_tokens(database, tokens()).await;
        world.lose(2).await;
        let remedy = "give github.token the repository permission Webhooks: read and write (a classic token: admin:repo_hook), of a user who administers octo/app";
        let report = world.recover_with("ghp_none").run(&Task::of_schedule(), |_| {}).await.unwrap();
        let said = "GitHub does not let the token read the webhooks of octo/app (403, Resource not accessible by personal access token): ";
        assert_eq!(problem(&report), format!("{said}{remedy}"));
        let report = world.recover_with("ghp_read").run(&Task::of_schedule(), |_| {}).await.unwrap();
        assert_eq!(problem(&report), format!("{}{remedy}", said.replace("read the", "write the")));
        assert_eq!((counts(&report), fates(&report)), ((2, 0), vec![Fate::Found; 2]));
        let kept = world.app.store.recover_places().await.unwrap();
        assert_eq!(kept[0].problem.as_deref(), Some(problem(&report)));
        let report = world.recover_with("ghp_wrong").run(&Task::of_schedule(), |_| {}).await.unwrap();
        assert!(problem(&report).starts_with("GitHub refused the token (401): set github.token"));

        let report = world.run().await;
        assert_eq!((counts(&report), problem(&report)), ((2, 2), ""), "mended");
        assert_eq!(world.inbox().await, 2);
    }

    async fn a_hook_that_posts_elsewhere_is_none_of_ours(database: TestDatabase) {
        let world = World::without_hook(database, tokens()).await;
        let elsewhere = format!("{}/api/webhooks/plane", world.public_url);
        world.github.add_hook(REPOSITORY, NewHook::to(elsewhere, SECRET)).unwrap();
        let report = world.run().await;
        let endpoint = format!("{}/api/webhooks/github-mcp/", world.public_url);
        assert_eq!(
            problem(&report),
            format!("no webhook of octo/app that github.token can see posts to {endpoint}: set it as the Payload URL at GitHub (Settings, Webhooks), or set public_url to how GitHub reaches this service")
        );
        assert_eq!(report.places[0].back_to, None);
    }

    async fn an_organizations_hook_counts_for_a_repository_without_one(database: TestDatabase) {
        let world = World::of_organization(database, tokens()).await;
        world.lose(2).await;
        let report = world.run().await;
        assert_eq!((counts(&report), problem(&report)), ((2, 2), ""));
        assert_eq!(world.inbox().await, 2);
        let report = world.recover_with("ghp_none").run(&Task::of_schedule(), |_| {}).await.unwrap();
        assert!(problem(&report).starts_with("GitHub does not let the token read the webhooks of octo/app"), "{report:?}");
    }

    async fn a_limit_that_is_used_up_ends_the_run_and_the_next_one_goes_on(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(5).await;
        let hour = Duration::from_hours(1);
        let limit = RequestFault::PrimaryLimit { resets_in: hour };
        world.github.add_request_faults([RequestFault::None, RequestFault::None, RequestFault::None, limit]);
        let report = world.run().await;
        assert_eq!(counts(&report), (5, 1));
        assert!(problem(&report).starts_with("GitHub's rate limit is used up: the rest is asked for in 36"), "{}", problem(&report));
        assert_eq!(world.asked(), 2, "nothing more is sent");
        let report = world.run().await;
        assert_eq!(problem(&report), "GitHub's rate limit is used up");
        assert_eq!((report.places[0].back_to, world.asked()), (None, 2));
        world.clock.advance(hour);
        assert_eq!(counts(&world.run().await), (4, 4));
        assert_eq!(world.inbox().await, 5);
    }

    async fn github_is_asked_for_one_a_second(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(30).await;
        let before = world.clock.now();
        world.recover().run(&Task::of_schedule(), |_| {}).await.unwrap();
        assert!(world.clock.now() - before >= chrono::TimeDelta::seconds(30));
    }
}
