//! What is found, and what is left alone.

use std::collections::BTreeSet;

use jetbridge::jobs::recover::{Fate, Mode, Task};
use jetbridge::recovery::MOST_ASKS;
use jetbridge::sim::github::{NewHook, SimToken, WebhookFault};
use jetbridge::store::recovery::GivenUp;

use crate::on_both_databases;
use crate::support::databases::by_hand;
use crate::support::github::SECRET;
use crate::world::{DAY, REPOSITORY, TOKEN, World, counts, fates, problem};

on_both_databases! {
    async fn of_240_webhooks_a_fifth_is_dropped_and_after_one_run_each_is_there_once(database: TestDatabase) {
        let world = World::new(database).await;
        let fault = |at: usize| if at % 5 == 3 { WebhookFault::Lose } else { WebhookFault::None };
        let faults: Vec<_> = (0..240).map(fault).collect();
        world.open_issues(&faults).await;
        assert_eq!(world.inbox().await, 192);
        let report = world.run().await;
        assert_eq!(counts(&report), (48, 48));
        assert!(report.is_right(), "{report:?}");
        assert_eq!(world.inbox().await, 240);
        let sent = world.github.deliveries(REPOSITORY, world.hook).unwrap();
        let events: BTreeSet<_> = sent.iter().filter(|d| d.event == "issues").map(|d| &d.guid).collect();
        assert_eq!(events.len(), 240, "no event was sent under a second GUID");
        assert_eq!(sent.len(), 1 + 240 + 48, "the ping, each webhook, each lost one again");
        world.app.assert_queue_is_empty().await;
        let again = world.run().await;
        assert_eq!((counts(&again), again.came, world.asked()), ((0, 0), 48, 48), "a second run asks for nothing");
    }

    async fn what_timed_out_is_found_though_it_is_no_failure_to_github(database: TestDatabase) {
        let world = World::new(database).await;
        world.open_issues(&[WebhookFault::TimeOut, WebhookFault::None]).await;
        let report = world.run().await;
        assert_eq!(counts(&report), (1, 1));
        assert_eq!(report.deliveries[0].status, "timed out");
        assert_eq!(world.inbox().await, 2);
    }

    async fn what_is_in_the_inbox_is_not_asked_for_whatever_github_noted(database: TestDatabase) {
        let world = World::new(database).await;
        world.open_issues(&[WebhookFault::AnswerLate]).await;
        let noted = world.github.deliveries(REPOSITORY, world.hook).unwrap();
        assert!(!noted.last().unwrap().succeeded(), "GitHub thinks that it failed");
        let report = world.run().await;
        assert_eq!((counts(&report), world.asked()), ((0, 0), 0));
    }

    async fn what_failed_here_is_left_to_a_replay(database: TestDatabase) {
        let world = World::new(database).await;
        world.open_issues(&[WebhookFault::None]).await;
        by_hand(&world.database, "UPDATE github_webhook_events SET status = 'failed'").await;
        let report = world.run().await;
        assert_eq!((report.places[0].failed_here, counts(&report), world.asked()), (1, (0, 0), 0));
    }

    async fn what_was_taken_and_is_gone_comes_again(database: TestDatabase) {
        let world = World::new(database).await;
        world.open_issues(&[WebhookFault::None; 3]).await;
        // As after a backup from before them was brought back.
        by_hand(&world.database, "DELETE FROM work_queue; DELETE FROM github_webhook_events").await;
        assert_eq!(counts(&world.run().await), (0, 0), "they may be on their way");
        world.clock.advance(std::time::Duration::from_mins(5));
        assert_eq!(counts(&world.run().await), (3, 3));
        assert_eq!(world.inbox().await, 3);
    }

    async fn a_lost_ping_is_nobodys_loss(database: TestDatabase) {
        let world = World::without_hook(database, vec![SimToken::full(TOKEN, "bot")]).await;
        world.github.add_webhook_faults([WebhookFault::Lose]);
        let url = format!("{}/api/webhooks/github-mcp", world.public_url);
        world.github.add_hook(REPOSITORY, NewHook::to(url, SECRET)).unwrap();
        let report = world.run().await;
        assert_eq!((counts(&report), world.asked(), report.is_right()), ((0, 0), 0, true));
    }

    async fn a_run_covers_the_time_in_which_nobody_looked(database: TestDatabase) {
        let world = World::new(database).await;
        world.run().await;
        world.clock.advance(DAY);
        world.lose(2).await;
        world.clock.advance(DAY);
        assert_eq!(counts(&world.run().await), (2, 2));
        assert_eq!(world.inbox().await, 2);
    }

    async fn what_github_no_longer_tells_is_said_and_stays_said(database: TestDatabase) {
        let world = World::new(database).await;
        world.run().await;
        let covered = world.clock.now();
        world.clock.advance(DAY);
        world.lose(1).await;
        world.clock.advance(4 * DAY);
        let report = world.run().await;
        assert_eq!((counts(&report), report.is_right()), ((0, 0), false));
        let gap = report.places[0].gap.unwrap();
        assert!(gap.from <= covered && gap.until > covered + DAY, "{gap:?}");
        assert!(world.run().await.places[0].gap.is_none(), "a second run finds no other");
        let kept = world.app.store.recover_places().await.unwrap();
        assert_eq!(kept[0].gap, Some(gap), "it stays until both sides were compared");
        let name = REPOSITORY.parse().unwrap();
        world.app.store.close_recover_gap(&name, world.clock.now()).await.unwrap();
        assert_eq!(world.app.store.recover_places().await.unwrap()[0].gap, None);
    }

    async fn a_look_back_that_leaves_something_out_does_not_count_as_a_whole_one(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(1).await;
        world.clock.advance(DAY);
        let since = Some(world.clock.now() - std::time::Duration::from_hours(1));
        let task = Task { since, ..Task::of_schedule() };
        let report = world.recover().run(&task, |_| {}).await.unwrap();
        assert_eq!(counts(&report), (0, 0));
        assert_eq!(counts(&world.run().await), (1, 1), "the next one looks at all of it");
    }

    async fn a_dry_run_tells_and_asks_for_nothing(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(2).await;
        let task = Task { mode: Mode::Look, ..Task::of_schedule() };
        let report = world.recover().run(&task, |_| {}).await.unwrap();
        assert_eq!((fates(&report), world.asked()), (vec![Fate::Found; 2], 0));
        assert!(!report.is_right());
        assert!(world.app.store.open_requests().await.unwrap().is_empty());
        assert!(world.app.store.recover_places().await.unwrap().is_empty());
    }

    async fn two_runs_at_once_ask_for_each_once(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(12).await;
        let (task, one, other) = (Task::of_schedule(), world.recover(), world.recover());
        let (one, other) = tokio::join!(one.run(&task, |_| {}), other.run(&task, |_| {}));
        world.arrive().await;
        assert_eq!(counts(&one.unwrap()).1 + counts(&other.unwrap()).1, 12);
        assert_eq!((world.asked(), world.inbox().await), (12, 12));
    }

    async fn what_does_not_come_is_asked_for_again_later_and_given_up_in_the_end(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(1).await;
        world.github.add_webhook_faults([WebhookFault::Lose; MOST_ASKS as usize]);
        assert_eq!(fates(&world.run().await), [Fate::Asked]);
        assert_eq!(fates(&world.run().await), [Fate::Waiting], "it has time to come");
        let mut asked = 1;
        while asked < MOST_ASKS {
            world.clock.advance(std::time::Duration::from_mins(10));
            if fates(&world.run().await) == [Fate::Asked] {
                asked += 1;
            }
        }
        world.clock.advance(DAY / 4);
        assert_eq!(fates(&world.run().await), [Fate::GivenUp]);
        assert_eq!(counts(&world.run().await), (0, 0), "it lies further back than this one looks");
        let lost = world.app.store.given_up_requests(10).await.unwrap();
        assert_eq!(lost.len(), 1, "and is still shown");
        assert_eq!(world.asked(), MOST_ASKS as usize);
        let told = world.app.store.recover_counts(world.clock.now() - DAY).await.unwrap();
        assert_eq!((told.waiting, told.given_up), (0, 1));

        let person = Task { given_up: GivenUp::TriedAgain, ..Task::of_schedule() };
        let report = world.recover().run(&person, |_| {}).await.unwrap();
        world.arrive().await;
        assert_eq!((fates(&report), world.inbox().await), (vec![Fate::Asked], 1));
    }

    async fn what_was_noted_is_asked_for_even_if_the_process_died_before(database: TestDatabase) {
        let world = World::new(database).await;
        world.lose(1).await;
        let blind = world.recover_with(TOKEN);
        // It noted what is missing and what it covers, and asked for nothing.
        world.github.add_request_faults([
            jetbridge::sim::github::RequestFault::None,
            jetbridge::sim::github::RequestFault::None,
            jetbridge::sim::github::RequestFault::Reset,
        ]);
        let report = blind.run(&Task::of_schedule(), |_| {}).await.unwrap();
        assert_eq!((counts(&report), fates(&report)), ((1, 0), vec![Fate::Found]));
        assert!(problem(&report).starts_with("GitHub is not available"), "{report:?}");
        // The webhook itself lies further back than the next run looks.
        world.clock.advance(DAY);
        assert_eq!(fates(&world.run().await), [Fate::Asked]);
        assert_eq!(world.inbox().await, 1);
    }
}
