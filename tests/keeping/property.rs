//! Whatever happens on the way, the inbox says what the board says.

use std::time::Duration;

use jetbridge::ids::{DeliveryId, Lease};
use jetbridge::jobs::rebuild::Mode;
use jetbridge::sources::Source;
use jetbridge::sources::plane::normalize::Lookup;
use jetbridge::store::jobs::Stage;
use uuid::Uuid;

use crate::desk::{Desk, comment, deletion, nameless};
use crate::on_both_databases;
use crate::support::github::{self, GithubDelivery};
use crate::support::plane::{Delivery, issue_delivery, recorded};

/// Numbers that depend on a seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn second(&mut self) -> String {
        format!("2026-11-22T01:00:{:02}Z", self.below(6))
    }
}

enum Any {
    Plane(Delivery),
    Github(GithubDelivery),
}

/// Recorded deliveries and made ones; few ids and few seconds, so that they meet.
fn deliveries(dice: &mut Dice) -> Vec<Any> {
    let mut all: Vec<_> =
        recorded().into_iter().map(|(_, delivery)| Any::Plane(delivery)).collect();
    for (name, payload) in github::examples() {
        all.push(Any::Github(github::example_delivery(&name, &payload)));
    }
    for number in 0..60 {
        let (title, at) = (format!("Title {number}"), dice.second());
        let id = format!("item-{}", dice.below(4));
        let issue = u64::try_from(dice.below(3)).unwrap() + 100;
        all.push(match dice.below(6) {
            0 => Any::Plane(issue_delivery(&id, &title, ("Todo", "unstarted"), &at)),
            1 | 2 => Any::Plane(nameless(&id, &title, &at)),
            3 => Any::Github(github::issue_delivery(
                "edited",
                &github::issue(issue, &title, "open", &at),
            )),
            4 => {
                let action = ["created", "edited", "deleted"][dice.below(3)];
                Any::Github(comment(issue, issue * 10 + 1, &title, action, &at))
            }
            _ if dice.below(8) == 0 => Any::Plane(deletion(&id)),
            _ => Any::Plane(Delivery::new(format!(
                r#"{{"event":"issue","data":{{"id":{number}}}}}"#
            ))),
        });
    }
    all
}

async fn post(desk: &Desk, any: &Any) {
    match any {
        Any::Plane(delivery) => desk.post(delivery).await,
        // Some examples are of repositories that are not configured.
        Any::Github(delivery) => drop(desk.app.post_github(delivery).await),
    }
}

/// As if nobody could have said whose repository it is.
async fn set_aside(desk: &Desk, any: &Any) {
    if let Any::Github(delivery) = any {
        post(desk, any).await;
        desk.set_aside(&delivery.id).await;
    }
}

async fn replay(desk: &Desk, any: &Any) {
    let (source, id) = match any {
        Any::Plane(delivery) => (Source::Plane, &delivery.id),
        Any::Github(delivery) => (Source::Github, &delivery.id),
    };
    desk.store().replay(source, &DeliveryId::new(id.as_str()), desk.clock().now()).await.unwrap();
}

/// Takes jobs and dies, or comes back when its lease has ended and others did its work.
async fn worker_in_trouble(desk: &Desk, dice: &mut Dice) {
    let lease = Lease(Uuid::new_v4());
    let (limit, time) = (5, Duration::from_secs(15));
    let claimed =
        desk.store().claim_jobs(Stage::Read, limit, lease, time, desk.clock().now()).await.unwrap();
    desk.clock().advance(Duration::from_secs(20));
    if dice.below(2) == 0 {
        let late = desk.worker(Lookup::Off, None);
        desk.app.run_jobs().await;
        late.processor.process(lease, claimed).await;
    }
}

async fn a_mix(desk: &Desk, seed: u64) {
    let mut dice = Dice(seed);
    let all = deliveries(&mut dice);
    let mut worker = desk.worker(Lookup::Off, None);
    for step in 0..400 {
        let any = &all[dice.below(all.len())];
        match dice.below(21) {
            0..13 => post(desk, any).await,
            20 => set_aside(desk, any).await,
            13 => drop(worker.work_off_due().await),
            14 => worker_in_trouble(desk, &mut dice).await,
            15 => replay(desk, any).await,
            16 => desk.learn(["", "-renamed", "-again"][dice.below(3)]).await,
            17 => desk.clock().advance(Duration::from_mins(3)),
            18 => worker = desk.worker(Lookup::On, None),
            _ => worker = desk.worker(Lookup::Off, Some("https://plane.example.com")),
        }
        if step % 100 == 99 {
            desk.assert_checks().await;
        }
    }
    desk.run_all().await;
}

on_both_databases! {
    async fn any_mix_of_deliveries_kills_replays_and_renamings_is_derived_again(database: TestDatabase) {
        let desk = Desk::new(database).await;
        for seed in 1..=3 {
            a_mix(&desk, seed).await;
            let report = desk.assert_checks().await;
            assert!(report.items > 5 && report.comments > 2 && report.deliveries > 50, "{report:?}");
            assert_eq!(report.unrecorded, 0, "what each was read with is known");
            let (rows, cards) = (desk.rows().await, desk.cards().await);
            desk.execute("DELETE FROM work_items").await;
            desk.execute("DELETE FROM work_item_comments").await;
            let made = desk.rebuild(Mode::Replace).await;
            assert!(made.is_right() && made.replaced >= report.items, "{made:?}");
            assert_eq!(desk.rows().await, rows, "from the inbox alone");
            assert_eq!(desk.cards().await, cards);
        }
    }
}
