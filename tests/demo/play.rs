//! The script played quickly: whatever happened, in the end both sides say the same and no
//! delivery is lost; and what is remembered is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jetbridge::clock::Clock;
use jetbridge::demo::cast::{PLACES, PLAYERS};
use jetbridge::demo::{Demo, Remembering, Setup, Voice};
use jetbridge::ids::WorkItemRef;
use jetbridge::sim::plane::Item;
use jetbridge::sources::github::EVENTS;
use jetbridge::store::cards::read::CardFilter;
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};
use jetbridge::sync::github::Issue;
use jetbridge::sync::markdown;

/// A busy machine needs a while for a burst.
const LIMIT: Duration = Duration::from_secs(100);
/// More than are ever there.
const ALL: i64 = 100_000;

fn setup(seed: u64, remembering: Remembering) -> Setup {
    Setup {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: None,
        pace: "20ms".parse().unwrap(),
        seed,
        voice: Voice::Quiet,
        remembering,
    }
}

async fn queue_below(demo: &Demo, most: i64) {
    let begun = Instant::now();
    loop {
        let queue = demo.store().queue_stats(Clock::System.now()).await.unwrap();
        if queue.queued + queue.claimed < most {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "the queue does not get shorter: {queue:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn quiet(demo: &Demo) {
    for _ in 0..2 {
        demo.github.settled().await;
        demo.plane.settled().await;
        queue_below(demo, 1).await;
    }
}

/// So many actions, as quickly as the sync can follow.
async fn played(seed: u64, actions: u64, remembering: Remembering) -> Demo {
    let mut demo = Demo::start(&setup(seed, remembering)).await.unwrap();
    demo.open_curtain().await;
    quiet(&demo).await;
    while demo.step() < actions {
        demo.play().await;
        queue_below(&demo, 12).await;
    }
    demo
}

async fn failed(demo: &Demo) -> Vec<jetbridge::store::deliveries::Delivery> {
    let failed = DeliveryFilter { status: Some(DeliveryStatus::Failed), ..Default::default() };
    demo.store().deliveries(&failed, None, ALL).await.unwrap()
}

/// Until nothing waits to be mended any more.
async fn come_to_rest(demo: &mut Demo) {
    for _ in 0..100 {
        if demo.scene().loose_ends.is_empty() {
            break;
        }
        demo.play().await;
        queue_below(demo, 12).await;
    }
    assert_eq!(demo.scene().loose_ends, [], "everything is mended sooner or later");
    demo.plane.faults().clear();
    for _ in 0..20 {
        quiet(demo).await;
        let mut again = 0;
        for (at, place) in PLACES.iter().enumerate() {
            let hook = demo.hook(at).unwrap();
            again += demo.github.redeliver_failed(place.repository, hook).unwrap();
        }
        let dead = failed(demo).await;
        for delivery in &dead {
            let now = Clock::System.now();
            demo.store().replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
        }
        if again == 0 && dead.is_empty() {
            return;
        }
    }
    panic!("it never came to rest: {:?}", failed(demo).await);
}

fn twin_of<'a>(items: &'a [Item], issue: &Issue) -> &'a Item {
    let id = issue.id.to_string();
    let mut twins = items.iter().filter(|item| item.external.id.as_deref() == Some(id.as_str()));
    let twin = twins.next().unwrap_or_else(|| panic!("{} has no twin", issue.html_url));
    assert_eq!(twins.count(), 0, "{} has one twin only", issue.html_url);
    twin
}

fn assert_same(demo: &Demo, place: &str, issue: &Issue, item: &Item) {
    let about = &issue.html_url;
    assert_eq!(item.name, issue.title, "{about}");
    assert_eq!(item.description_html, markdown::issue_description(issue), "{about}");
    let state = demo.plane.states().into_iter().find(|state| state.id == item.state).unwrap();
    let ended = ["completed", "cancelled"].contains(&state.group.as_str());
    assert_eq!(ended, issue.state.is_closed(), "{about} is {:?} and {}", issue.state, state.name);
    let labels = demo.plane.labels();
    let label = |id| labels.iter().find(|label| label.id == id).unwrap().name.clone();
    let there: BTreeSet<_> = item.labels.iter().map(|id| label(*id)).collect();
    let wanted: BTreeSet<_> = issue.labels.iter().map(|label| label.name.clone()).collect();
    assert_eq!(there, wanted, "labels of {about}");
    let in_plane = |login: &str| PLAYERS.iter().find(|p| p.login == login).unwrap().plane;
    let wanted = issue.assignees.iter().filter_map(|account| in_plane(&account.login));
    let wanted: BTreeSet<_> = wanted.map(|name| demo.plane.user(name).unwrap().id).collect();
    assert_eq!(item.assignees.iter().copied().collect::<BTreeSet<_>>(), wanted, "{about}");
    let comments = demo.github.comments(place, issue.number).unwrap();
    let wanted: BTreeMap<_, _> =
        comments.iter().map(|c| (c.id.to_string(), markdown::comment_html(c))).collect();
    let mirrors = demo.plane.comments(item.id);
    let mirrors = mirrors.iter().filter_map(|c| Some((c.external.id.clone()?, &c.comment_html)));
    let mirrors: Vec<_> = mirrors.map(|(id, html)| (id, html.clone())).collect();
    assert_eq!(mirrors.len(), wanted.len(), "comments of {about}");
    assert_eq!(mirrors.into_iter().collect::<BTreeMap<_, _>>(), wanted, "comments of {about}");
}

fn assert_both_sides_equal(demo: &Demo) {
    let items = demo.plane.items();
    let mut in_step = 0;
    for place in PLACES.iter().filter(|place| place.project.is_some()) {
        let issues = demo.github.issues(place.repository).unwrap();
        for issue in issues.iter().filter(|issue| !issue.pull_request) {
            assert_same(demo, place.repository, issue, twin_of(&items, issue));
            in_step += 1;
        }
    }
    let twins = items.iter().filter(|item| item.external.source.as_deref() == Some("github"));
    assert_eq!(twins.count(), in_step, "no item without its issue");
}

async fn assert_the_board_says_so(demo: &Demo) {
    let shown = |id: String| async move {
        let item = demo.store().work_item(&WorkItemRef::new(id.clone())).await.unwrap();
        item.unwrap_or_else(|| panic!("{id} is on the board"))
    };
    for place in PLACES {
        for issue in demo.github.issues(place.repository).unwrap() {
            if issue.pull_request {
                continue;
            }
            let item = shown(format!("github:{}", issue.id)).await;
            assert_eq!(item.state.as_ref().unwrap().title, issue.title);
            assert_eq!(item.status() == "closed", issue.state.is_closed(), "{}", issue.html_url);
        }
    }
    let states = demo.plane.states();
    for item in demo.plane.items() {
        let on_board = shown(format!("plane:{}", item.id)).await;
        let state = states.iter().find(|state| state.id == item.state).unwrap();
        assert_eq!(on_board.status(), state.name, "{}", item.name);
        assert_eq!(on_board.state.unwrap().title, item.name);
    }
}

async fn assert_no_delivery_is_lost(demo: &Demo) {
    let stored = demo.store().deliveries(&DeliveryFilter::default(), None, ALL).await.unwrap();
    let done: BTreeSet<_> = stored
        .iter()
        .filter(|delivery| delivery.status == DeliveryStatus::Processed)
        .map(|delivery| delivery.delivery_id.as_str())
        .collect();
    assert_eq!(done.len(), stored.len(), "every delivery is worked off");
    for (at, place) in PLACES.iter().enumerate() {
        for sent in demo.github.deliveries(place.repository, demo.hook(at).unwrap()).unwrap() {
            if EVENTS.contains(&sent.event.as_str()) {
                assert!(done.contains(sent.guid.as_str()), "{} is lost: {}", sent.event, sent.guid);
            }
        }
    }
    // What is sent twice has one body.
    let bodies: BTreeSet<_> =
        demo.plane.sent_webhooks().into_iter().map(|sent| sent.body).collect();
    let from_plane = stored.iter().filter(|d| d.source == jetbridge::sources::Source::Plane);
    assert_eq!(from_plane.count(), bodies.len(), "Plane's webhooks");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_played_both_sides_end_equal_and_no_delivery_is_lost() {
    let mut demo = played(2026, 200, Remembering::Everything).await;
    come_to_rest(&mut demo).await;
    assert_both_sides_equal(&demo);
    assert_the_board_says_so(&demo).await;
    assert_no_delivery_is_lost(&demo).await;
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_long_demo_remembers_is_bounded() {
    let mut demo = played(3, 200, Remembering::Newest(60)).await;
    quiet(&demo).await;
    let scene = demo.scene();
    assert!(scene.issues.len() < 50, "{} issues", scene.issues.len());
    assert!(scene.pulls.len() < 15, "{} pull requests", scene.pulls.len());
    assert!(scene.own_items.len() < 10, "{} items", scene.own_items.len());
    assert!(demo.github.requests().len() <= 100 && demo.plane.requests().len() <= 100);
    assert!(demo.plane.sent_webhooks().len() <= 100);
    let kept = demo.store().deliveries(&DeliveryFilter::default(), None, ALL).await.unwrap().len();
    // Of the last eighty actions, each of some webhooks.
    assert!(kept < 800, "{kept} deliveries");
    come_to_rest(&mut demo).await;
    assert_both_sides_equal(&demo);
    let scene = demo.scene();
    let there = scene.issues.len() + scene.pulls.len() + scene.own_items.len();
    let cards = demo.store().cards(&CardFilter::default(), None, ALL).await.unwrap().len();
    // What was deleted a moment ago is swept away a moment later.
    assert!(cards <= there + 12, "{cards} cards of {there} things");
    demo.stop().await;
}
