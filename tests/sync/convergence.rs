//! Whatever people do, in whatever order, with faults, lost webhooks and restarts in between: in
//! the end both sides say the same, nothing is there twice, and a second run writes nothing.

use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::config::Direction;
use jetbridge::sim::github::{CloseReason, NewIssue, RequestFault as GithubFault, WebhookFault};
use jetbridge::sim::plane::{On, RequestFault, SimPlaneConfig, WebhookFault as PlaneWebhookFault};
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

const LABELS: [&str; 3] = ["bug", "good first issue", "ünïcode"];
/// Those that labels have at first, and others that they may get.
const NAMES: [&str; 5] = [LABELS[0], LABELS[1], LABELS[2], "defect", "second"];
const COLORS: [&str; 2] = ["d73a4a", "00ff00"];
const LOGINS: [&str; 3] = ["ada", "grace", "stranger"];
const TEXTS: [&str; 4] =
    ["", "One\r\ntwo", "- [x] a\n\n| a | b |\n|:-:|--|\n| 1 | <b>2</b> |", "Vec<T> & 🚀"];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Open {
        title: u8,
        text: usize,
        label: Option<usize>,
    },
    Retitle {
        issue: u8,
        title: u8,
    },
    Rewrite {
        issue: u8,
        text: usize,
    },
    Label {
        issue: u8,
        label: usize,
    },
    Unlabel {
        issue: u8,
        label: usize,
    },
    RenameLabel {
        label: usize,
        to: usize,
    },
    RecolorLabel {
        label: usize,
        color: usize,
    },
    Assign {
        issue: u8,
        login: usize,
    },
    Unassign {
        issue: u8,
        login: usize,
    },
    Close {
        issue: u8,
        why: CloseReason,
    },
    Reopen {
        issue: u8,
    },
    Comment {
        issue: u8,
        text: usize,
    },
    EditComment {
        issue: u8,
        comment: u8,
        text: usize,
    },
    DeleteComment {
        issue: u8,
        comment: u8,
    },
    DeleteIssue {
        issue: u8,
    },
    PlaneRefuses(RequestFault),
    GithubLoses(WebhookFault),
    PlaneLoses(PlaneWebhookFault),
    Redeliver,
    Restart,
    Pause,
    /// Somebody in Plane says who works on it.
    PlanePeople {
        issue: u8,
        people: Vec<usize>,
    },
    GithubRefuses(GithubFault),
}

fn step() -> impl Strategy<Value = Step> {
    let issue = 0..3_u8;
    let (text, label, login) = (0..TEXTS.len(), 0..LABELS.len(), 0..LOGINS.len());
    let reason = prop::sample::select(vec![
        CloseReason::Completed,
        CloseReason::NotPlanned,
        CloseReason::Duplicate,
    ]);
    let refusal = prop::sample::select(vec![
        RequestFault::Status(500),
        RequestFault::Status(502),
        RequestFault::CutBefore,
        RequestFault::CutAfter,
        RequestFault::RetryLater { status: 429, retry_after: Duration::from_secs(1) },
    ]);
    let loss = prop::sample::select(vec![
        WebhookFault::Lose,
        WebhookFault::Duplicate,
        WebhookFault::Overtaken,
    ]);
    let echo = prop::sample::select(vec![
        PlaneWebhookFault::Drop,
        PlaneWebhookFault::Duplicate,
        PlaneWebhookFault::AfterNext,
    ]);
    prop_oneof![
        3 => (any::<u8>(), text.clone(), prop::option::of(label.clone()))
            .prop_map(|(title, text, label)| Step::Open { title, text, label }),
        2 => (issue.clone(), any::<u8>()).prop_map(|(issue, title)| Step::Retitle { issue, title }),
        2 => (issue.clone(), text.clone()).prop_map(|(issue, text)| Step::Rewrite { issue, text }),
        2 => (issue.clone(), label.clone()).prop_map(|(issue, label)| Step::Label { issue, label }),
        1 => (issue.clone(), label).prop_map(|(issue, label)| Step::Unlabel { issue, label }),
        2 => (0..NAMES.len(), 0..NAMES.len())
            .prop_map(|(label, to)| Step::RenameLabel { label, to }),
        1 => (0..NAMES.len(), 0..COLORS.len())
            .prop_map(|(label, color)| Step::RecolorLabel { label, color }),
        1 => (issue.clone(), login.clone()).prop_map(|(issue, login)| Step::Assign { issue, login }),
        1 => (issue.clone(), login).prop_map(|(issue, login)| Step::Unassign { issue, login }),
        1 => (issue.clone(), reason).prop_map(|(issue, why)| Step::Close { issue, why }),
        1 => issue.clone().prop_map(|issue| Step::Reopen { issue }),
        3 => (issue.clone(), text.clone()).prop_map(|(issue, text)| Step::Comment { issue, text }),
        1 => (issue.clone(), 0..3_u8, text)
            .prop_map(|(issue, comment, text)| Step::EditComment { issue, comment, text }),
        1 => (issue.clone(), 0..3_u8)
            .prop_map(|(issue, comment)| Step::DeleteComment { issue, comment }),
        1 => issue.prop_map(|issue| Step::DeleteIssue { issue }),
        2 => refusal.prop_map(Step::PlaneRefuses),
        2 => loss.prop_map(Step::GithubLoses),
        1 => echo.prop_map(Step::PlaneLoses),
        1 => Just(Step::Redeliver),
        1 => Just(Step::Restart),
        2 => Just(Step::Pause),
    ]
}

/// What is about people, on both sides, with bad days on both.
fn people_step() -> impl Strategy<Value = Step> {
    let issue = 0..2_u8;
    let login = 0..LOGINS.len();
    let refusal = prop::sample::select(vec![
        GithubFault::Status(502),
        GithubFault::Reset,
        GithubFault::LostAnswer,
        GithubFault::TooManyRequests { retry_after: Some(Duration::from_secs(1)) },
    ]);
    let planes = prop::sample::select(vec![
        RequestFault::Status(500),
        RequestFault::CutBefore,
        RequestFault::CutAfter,
    ]);
    let loss = prop::sample::select(vec![
        WebhookFault::Lose,
        WebhookFault::Duplicate,
        WebhookFault::Overtaken,
    ]);
    let late =
        prop::sample::select(vec![PlaneWebhookFault::Duplicate, PlaneWebhookFault::AfterNext]);
    prop_oneof![
        1 => any::<u8>().prop_map(|title| Step::Open { title, text: 0, label: None }),
        3 => (issue.clone(), login.clone()).prop_map(|(issue, login)| Step::Assign { issue, login }),
        3 => (issue.clone(), login).prop_map(|(issue, login)| Step::Unassign { issue, login }),
        6 => (issue, prop::sample::subsequence(vec![0, 1], 0..=2))
            .prop_map(|(issue, people)| Step::PlanePeople { issue, people }),
        1 => planes.prop_map(Step::PlaneRefuses),
        1 => refusal.prop_map(Step::GithubRefuses),
        1 => loss.prop_map(Step::GithubLoses),
        1 => late.prop_map(Step::PlaneLoses),
        1 => Just(Step::Restart),
        3 => Just(Step::Pause),
    ]
}

fn assign_in_plane(world: &World, number: u64, people: &[usize]) {
    let Some(issue) =
        world.github.issues(REPOSITORY).unwrap().into_iter().find(|i| i.number == number)
    else {
        return;
    };
    let id = issue.id.to_string();
    let twin = world.twins().into_iter().find(|item| item.external.id.as_deref() == Some(&id));
    let Some(twin) = twin else { return };
    let users: Vec<_> = people.iter().map(|n| world.plane.user(LOGINS[*n]).unwrap().id).collect();
    let _ = world.plane.person("grace").unwrap().assign(twin.id, &users);
}

/// What can't be done at this moment (no such issue) is not done.
async fn happen(world: &mut World, step: &Step) {
    let ada = world.github.acting_as("ada");
    let numbers: Vec<u64> =
        world.github.issues(REPOSITORY).unwrap().iter().map(|issue| issue.number).collect();
    let number = |issue: u8| numbers.get(usize::from(issue)).copied().unwrap_or(0);
    let comment = |issue: u8, comment: u8| {
        let comments = world.github.comments(REPOSITORY, number(issue)).unwrap_or_default();
        comments.get(usize::from(comment)).map_or(0, |comment| comment.id)
    };
    let text = |text: usize| TEXTS[text];
    let _ = match *step {
        Step::Open { title, text: body, label } => {
            let issue = NewIssue::titled(format!("Title {title}")).with_body(text(body));
            ada.open_issue(REPOSITORY, &issue.with_labels(label.map(|label| LABELS[label])))
                .map(drop)
        }
        Step::Retitle { issue, title } => {
            ada.retitle(REPOSITORY, number(issue), &format!("Title {title}"))
        }
        Step::Rewrite { issue, text: body } => ada.rewrite(REPOSITORY, number(issue), text(body)),
        Step::Label { issue, label } => ada.label(REPOSITORY, number(issue), LABELS[label]),
        Step::Unlabel { issue, label } => ada.unlabel(REPOSITORY, number(issue), LABELS[label]),
        Step::RenameLabel { label, to } => ada.rename_label(REPOSITORY, NAMES[label], NAMES[to]),
        Step::RecolorLabel { label, color } => {
            ada.recolor_label(REPOSITORY, NAMES[label], COLORS[color])
        }
        Step::Assign { issue, login } => ada.assign(REPOSITORY, number(issue), LOGINS[login]),
        Step::Unassign { issue, login } => ada.unassign(REPOSITORY, number(issue), LOGINS[login]),
        Step::Close { issue, why } => ada.close(REPOSITORY, number(issue), why),
        Step::Reopen { issue } => ada.reopen(REPOSITORY, number(issue)),
        Step::Comment { issue, text: body } => {
            ada.comment(REPOSITORY, number(issue), &format!("{} ", text(body))).map(drop)
        }
        Step::EditComment { issue, comment: which, text: body } => {
            ada.edit_comment(REPOSITORY, comment(issue, which), &format!("edited {}", text(body)))
        }
        Step::DeleteComment { issue, comment: which } => {
            ada.delete_comment(REPOSITORY, comment(issue, which))
        }
        Step::DeleteIssue { issue } => ada.delete_issue(REPOSITORY, number(issue)),
        Step::PlaneRefuses(fault) => {
            world.plane.faults().next_requests(1, On::Any, fault);
            Ok(())
        }
        Step::GithubLoses(fault) => {
            world.github.add_webhook_faults([fault]);
            Ok(())
        }
        Step::PlaneLoses(fault) => {
            world.plane.faults().next_webhooks(1, fault);
            Ok(())
        }
        Step::Redeliver => world.github.redeliver_failed(REPOSITORY, world.hook).map(drop),
        Step::Restart => {
            world.stop().await;
            world.start().await;
            Ok(())
        }
        Step::PlanePeople { issue, ref people } => {
            assign_in_plane(world, number(issue), people);
            Ok(())
        }
        Step::GithubRefuses(fault) => {
            world.github.add_write_faults([fault]);
            Ok(())
        }
        Step::Pause => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        }
    };
}

/// What an operator does after a bad day: everything that failed is sent and run again.
async fn make_good(world: &World) {
    world.plane.faults().clear();
    world.github.clear_request_faults();
    for _ in 0..20 {
        world.quiet().await;
        let lost = world.github.redeliver_failed(REPOSITORY, world.hook).unwrap();
        let failed = DeliveryFilter { status: Some(DeliveryStatus::Failed), ..Default::default() };
        let failed = world.store.deliveries(&failed, None, 1000).await.unwrap();
        for delivery in &failed {
            let now = Clock::System.now();
            world.store.replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
        }
        if lost == 0 && failed.is_empty() {
            return;
        }
    }
    panic!("it never came to rest");
}

async fn everything_again(world: &World) {
    for delivery in world.store.deliveries(&DeliveryFilter::default(), None, 1000).await.unwrap() {
        let now = Clock::System.now();
        world.store.replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
    }
    world.settle().await;
}

async fn both_sides_become_equal(kind: Kind, direction: Direction, steps: Vec<Step>) {
    let mut world = match direction {
        Direction::GithubToPlane => World::new(kind, Asking::Rest).await,
        Direction::Both => World::both_ways(kind, SimPlaneConfig::default()).await,
    };
    let ada = world.github.acting_as("ada");
    for label in LABELS {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
    }
    for step in &steps {
        happen(&mut world, step).await;
    }
    make_good(&world).await;
    world.assert_equal();
    let writes = (world.writes(), world.assignments());
    everything_again(&world).await;
    let again = (world.writes(), world.assignments());
    assert_eq!(again, writes, "a second run writes nothing");
    world.stop().await;
}

fn any_interleaving(kind: Kind, cases: u32) {
    let steps = prop::collection::vec(step(), 5..40);
    interleave(kind, cases, Direction::GithubToPlane, &steps);
}

/// GitHub wants a second between two writes, so there are few.
fn any_interleaving_of_people(kind: Kind, cases: u32) {
    let steps = prop::collection::vec(people_step(), 5..20);
    let steps = steps.prop_map(|mut steps| {
        steps.insert(0, Step::Open { title: 0, text: 0, label: None });
        steps
    });
    interleave(kind, cases, Direction::Both, &steps);
}

fn interleave(
    kind: Kind,
    cases: u32,
    direction: Direction,
    steps: &impl Strategy<Value = Vec<Step>>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config =
        Config { cases, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(steps, |steps| {
            runtime.block_on(both_sides_become_equal(kind, direction, steps));
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_interleaving_ends_with_both_sides_equal_on_sqlite() {
    any_interleaving(Kind::Sqlite, 12);
}

#[test]
fn any_interleaving_ends_with_both_sides_equal_on_postgresql() {
    any_interleaving(Kind::Postgres, 4);
}

#[test]
fn any_interleaving_of_people_on_both_sides_ends_with_both_equal_on_sqlite() {
    any_interleaving_of_people(Kind::Sqlite, 6);
}

#[test]
fn any_interleaving_of_people_on_both_sides_ends_with_both_equal_on_postgresql() {
    any_interleaving_of_people(Kind::Postgres, 3);
}
