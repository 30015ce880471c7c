//! What retention and rebuild cost. Measurements, run by hand on a machine that does nothing else:
//! `cargo test --release --test keeping -- --ignored --nocapture --test-threads 1 measured`.

use std::time::Duration;

use jetbridge::config::{RetentionConfig, Secrets};
use jetbridge::jobs::process_delivery::PlaneAddress;
use jetbridge::jobs::rebuild::{Mode, Rebuild};
use jetbridge::jobs::retention::{Keeper, Pace};
use jetbridge::sources::plane::normalize::Lookup;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{RawDelivery, Source, Verified};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::desk::{Desk, comment, number};
use crate::on_both_databases;
use crate::support::plane::{Delivery, SECRET, issue};

const BODIES: usize = 50_000;
const DAY: Duration = Duration::from_hours(24);
const AGES: RetentionConfig =
    RetentionConfig { plane_bodies: Some(DAY), github_bodies: Some(DAY), timeline: None };

/// About 9 KB that compress as prose does.
fn delivery(item: usize, version: usize) -> Delivery {
    const WORDS: [&str; 16] = [
        "bridge", "delivery", "of", "the", "state", "when", "a", "webhook", "arrives", "late",
        "and", "nobody", "waits", "for", "it", "queue",
    ];
    let (minute, second) = (version / 60 % 60, version % 60);
    let at = format!("2026-11-22T{:02}:{minute:02}:{second:02}Z", version / 3600);
    let mut body = issue(&format!("item-{item}"), "A title", ("Todo", "unstarted"), &at);
    let mut seed = (item * 31 + version) as u64;
    let mut text = String::new();
    while text.len() < 8000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += WORDS[(seed >> 33) as usize % 16];
        text += if seed >> 60 == 0 { ". " } else { " " };
    }
    body["data"]["description_html"] = text.into();
    Delivery::new(body.to_string())
}

fn verified(delivery: &Delivery) -> Verified {
    let raw = RawDelivery {
        delivery_id: Some(&delivery.id),
        signature: Some(&delivery.signature),
        event: Some("issue"),
        content_type: Some(&delivery.content_type),
    };
    verify(&raw, delivery.body.clone().into(), &Secrets::new([SECRET.to_owned()])).unwrap()
}

/// Stores that many as group commit does; the first of them is of this version.
async fn fill(desk: &Desk, count: usize, items: usize, version: usize) {
    for from in (0..count).step_by(128) {
        let batch: Vec<_> = (from..count.min(from + 128))
            .map(|n| verified(&delivery(n % items, version + n / items)))
            .collect();
        let batch: Vec<_> = batch.iter().collect();
        desk.store().insert_deliveries(&batch, desk.clock().now()).await.unwrap();
    }
}

/// As if all had been worked off.
async fn call_it_done(desk: &Desk) {
    let at = "'2026-11-22T02:00:00.000000Z'";
    desk.execute(&format!(
        "UPDATE plane_webhook_deliveries SET status = 'processed', result = 'applied', attempts = 1, processed_at = {at}
         WHERE status = 'received'"
    )).await;
    desk.execute(&format!("UPDATE work_queue SET status = 'done', finished_at = {at}")).await;
}

/// What a table takes with its indexes, its largest values included.
async fn room(desk: &Desk) -> Room {
    if desk.url.starts_with("sqlite") {
        let page = number(&desk.url, "SELECT page_size FROM pragma_page_size()").await;
        return Room {
            all: page * number(&desk.url, "SELECT page_count FROM pragma_page_count()").await,
            free: page
                * number(&desk.url, "SELECT freelist_count FROM pragma_freelist_count()").await,
        };
    }
    let all =
        number(&desk.url, "SELECT pg_total_relation_size('ops.plane_webhook_deliveries')").await;
    Room { all, free: 0 }
}

#[derive(Clone, Copy)]
struct Room {
    all: i64,
    free: i64,
}

impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MB, {} MB of it free pages", self.all / 1_000_000, self.free / 1_000_000)
    }
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last()).copied();
    let all = [at(50), at(99), times.last().copied()].map(Option::unwrap_or_default);
    format!(
        "{} times, median {:.1?}, 99 % {:.1?}, longest {:.1?}",
        times.len(),
        all[0],
        all[1],
        all[2]
    )
}

/// Single deliveries, one every few milliseconds, until `stop` says so; how long each took.
async fn accept(desk: &Desk, version: usize, mut stop: watch::Receiver<bool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !*stop.borrow_and_update() {
        let one = verified(&delivery(1_000_000 + times.len(), version));
        let begun = Instant::now();
        desk.store().insert_deliveries(&[&one], desk.clock().now()).await.unwrap();
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times
}

async fn let_go(desk: &Desk, pace: Pace, version: usize) {
    let before = room(desk).await;
    desk.clock().advance(2 * DAY);
    let keeper = Keeper::new(desk.store(), desk.clock(), AGES);
    let (stop, stopped) = watch::channel(false);
    let working = async {
        let (begun, mut last, mut batches) = (Instant::now(), Instant::now(), Vec::new());
        let done = keeper
            .let_go(pace, |_| batches.push(std::mem::replace(&mut last, Instant::now()).elapsed()));
        let done = done.await.unwrap();
        stop.send(true).unwrap();
        (done, begun.elapsed(), batches)
    };
    let ((done, took, batches), accepted) = tokio::join!(working, accept(desk, version, stopped));
    println!(
        "  {pace:?}: {} bodies, {} MB, in {took:.1?}",
        done.plane_bodies,
        done.body_bytes / 1_000_000
    );
    if pace == Pace::Full {
        println!("    one batch of 200: {}", spread(batches));
    }
    println!("    a delivery accepted meanwhile: {}", spread(accepted));
    println!("    room before: {before}; after: {}", room(desk).await);
    if !desk.url.starts_with("sqlite") {
        let begun = Instant::now();
        desk.execute("VACUUM plane_webhook_deliveries").await;
        println!("    after a vacuum of {:.1?}: {}", begun.elapsed(), room(desk).await);
    }
}

on_both_databases! {
    #[ignore = "a measurement of some minutes, run by hand"]
    async fn measured_retention(database: TestDatabase) {
        let desk = Desk::new(database).await;
        println!("retention on {}", desk.url.split(':').next().unwrap());
        println!("  empty: {}", room(&desk).await);
        for (round, pace) in [Pace::Full, Pace::Gentle, Pace::Full].into_iter().enumerate() {
            fill(&desk, BODIES, BODIES, round * 10).await;
            call_it_done(&desk).await;
            let (stop, stopped) = watch::channel(false);
            let still = async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                stop.send(true).unwrap();
            };
            let (alone, ()) = tokio::join!(accept(&desk, 100 + round, stopped), still);
            println!("  round {}: a delivery accepted while nothing else goes on: {}", round + 1, spread(alone));
            call_it_done(&desk).await;
            let_go(&desk, pace, 200 + round).await;
            call_it_done(&desk).await;
        }
    }

    #[ignore = "a measurement of some minutes, run by hand"]
    async fn measured_rebuild(database: TestDatabase) {
        let desk = Desk::new(database).await;
        println!("rebuild on {}", desk.url.split(':').next().unwrap());
        fill(&desk, 16_000, 4000, 0).await;
        for id in 0..4000 {
            desk.app.post_github(&comment(100 + id % 1000, id, "Said", "created", "2026-11-22T01:00:00Z")).await;
        }
        let begun = Instant::now();
        desk.app.run_jobs().await;
        println!("  20,000 deliveries worked off in {:.1?}", begun.elapsed());
        run(&desk, "a check where all is right", Mode::Check).await;
        run(&desk, "a rebuild where all is right", Mode::Replace).await;
        desk.execute("UPDATE work_items SET title = 'Damaged' WHERE work_item_ref LIKE '%7'").await;
        run(&desk, "a rebuild where a tenth differs", Mode::Replace).await;
        desk.execute("DELETE FROM work_items").await;
        desk.execute("DELETE FROM work_item_comments").await;
        run(&desk, "a rebuild where all is gone", Mode::Replace).await;
        desk.assert_checks().await;
        assert_eq!(desk.store().droppable_bodies(Source::Github, desk.clock().now() + DAY).await.unwrap().count, 4000);
    }
}

/// While deliveries are accepted; the longest wait of theirs is about that of the swap.
async fn run(desk: &Desk, what: &str, mode: Mode) {
    let (stop, stopped) = watch::channel(false);
    let rebuilding = async {
        let begun = Instant::now();
        let (address, lookup) = (PlaneAddress::default(), Lookup::Off);
        let rebuild = Rebuild::new(desk.store(), desk.clock(), address, lookup, mode);
        let report = rebuild.run(|_| {}).await.unwrap();
        stop.send(true).unwrap();
        (report, begun.elapsed())
    };
    let version = 1000 + usize::try_from(desk.store().pulse().await.unwrap().job).unwrap() % 1000;
    let ((report, took), accepted) = tokio::join!(rebuilding, accept(desk, version, stopped));
    println!(
        "  {what}: {took:.1?} for {} deliveries, {} items, {} comments; {} put right",
        report.deliveries, report.items, report.comments, report.replaced
    );
    println!("    a delivery accepted meanwhile: {}", spread(accepted));
    desk.app.run_jobs().await;
}
