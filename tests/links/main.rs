//! The tables that remember what belongs to what: who holds a link, what a save writes, and the
//! intents that outlive a crash. Each rule on both databases.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use jetbridge::clock::Timestamp;
use jetbridge::ids::{Lease, WorkItemRef};
use jetbridge::store::Store;
use jetbridge::store::intents::{IntentEnd, NewIntent, OpenIntent, Progress, Recorded};
use jetbridge::store::links::{Held, IssueLink, LinkKey, LinkUpdate, Save};
use jetbridge::sync::mapping::NewLabel;
use jetbridge::sync::plan::{
    Base, CommentLink, CommentStanding, Expected, GithubSide, LinkStatus, Write,
};
use jetbridge::sync::plane::NewItem;
use sqlx::Connection;
use support::app::start;
use support::databases::{Kind, TestDatabase};
use uuid::Uuid;

const MINUTE: Duration = Duration::from_mins(1);
const PROJECT: &str = "ce59a3c5-1b1e-4b0a-9d37-4c8f3f1f0a01";

fn lease() -> Lease {
    Lease(Uuid::new_v4())
}

fn key(issue: u64) -> LinkKey {
    LinkKey {
        repository: "octo/hello".to_owned(),
        github_issue: issue,
        number: 12,
        plane_project: PROJECT.to_owned(),
        plane_workspace: None,
    }
}

fn base(title: &str) -> Base {
    let github = GithubSide { title: title.to_owned(), ..GithubSide::default() };
    Base { github, our_labels: BTreeSet::from(["l1".to_owned()]), ..Base::default() }
}

fn update<'a>(item: Option<&'a str>, base: &'a Base) -> LinkUpdate<'a> {
    LinkUpdate {
        item,
        base,
        markdown: Some("# Hello\r\n"),
        github_updated_at: Some(start()),
        github_arrival: None,
        status: LinkStatus::Ok,
        last_error: None,
    }
}

fn mirror(comment: u64) -> CommentLink {
    CommentLink {
        comment,
        mirror: Some(format!("m{comment}")),
        markdown_sha256: "ab".to_owned(),
        stored_html: "<p>hi</p>".to_owned(),
        standing: CommentStanding::Mirrored,
    }
}

fn creation() -> Write {
    let item = NewItem {
        name: "Crash".to_owned(),
        description_html: "<p>here</p>".to_owned(),
        state: None,
        labels: BTreeSet::new(),
        assignees: BTreeSet::new(),
        priority: None,
        created_at: None,
        created_by: None,
        external_id: "1".to_owned(),
    };
    Write::CreateItem { item, new_labels: BTreeSet::new() }
}

async fn hold(store: &Store, issue: u64, lease: Lease, now: Timestamp) -> IssueLink {
    match store.hold_link(&key(issue), lease, now + MINUTE, now).await.unwrap() {
        Held::Ours(link) => *link,
        Held::Busy => panic!("the link of issue {issue} is free"),
    }
}

async fn record(
    store: &Store,
    link: &IssueLink,
    lease: Lease,
    writes: &[Write],
) -> Vec<OpenIntent> {
    let expected = Expected { base: base("expected"), ..Expected::default() };
    let intents: Vec<_> = writes
        .iter()
        .map(|write| NewIntent { write, expected: Some(&expected), cause: None })
        .collect();
    let recorded = store.record_intents(link.id, lease, &intents, 1, start()).await.unwrap();
    let Recorded::Ids(ids) = recorded else { panic!("the link is ours") };
    let open = store.open_intents_of(link.id).await.unwrap();
    assert_eq!(open.iter().map(|intent| intent.id).collect::<Vec<_>>(), ids);
    open
}

on_both_databases! {
    async fn a_write_stands_beside_the_delivery_that_it_was_made_for(database: TestDatabase) {
        use jetbridge::ids::{DeliveryId, WorkItemRef};
        use jetbridge::sources::Source;
        use jetbridge::timeline::{EntryOutcome, TimelineEntry, WriteStanding};
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let (write, id) = (creation(), DeliveryId::new("d-1"));
        for cause in [Some((Source::Github, &id)), None] {
            let intents = [NewIntent { write: &write, expected: None, cause }];
            store.record_intents(link.id, ours, &intents, 1, start()).await.unwrap();
        }
        let entry = |delivery: &str, at| TimelineEntry {
            item: None, source: Source::Github, delivery_id: DeliveryId::new(delivery), attempt: 1, at,
            outcome: EntryOutcome::Applied, reason: String::new(), changes: Vec::new(),
        };
        let items = [WorkItemRef::new("github:1")];
        let beside = async |entry: TimelineEntry| store.writes_beside(&items, &[entry], None).await.unwrap();
        let writes = beside(entry("d-1", start())).await;
        assert_eq!(writes.len(), 2, "its own, and the one that a person asked for since");
        assert_eq!(writes[1].cause, Some((Source::Github, id.clone())));
        assert_eq!((writes[1].standing, writes[1].what.as_str()), (WriteStanding::Intended, "make the work item “Crash”"));
        assert!(beside(entry("d-2", start() + MINUTE)).await.is_empty());
        let other = [WorkItemRef::new("github:2")];
        assert!(store.writes_beside(&other, &[entry("d-1", start())], None).await.unwrap().is_empty());
    }

    async fn a_first_hold_makes_a_pending_link(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let link = hold(&store, 1, lease(), start()).await;
        assert_eq!((link.status, link.item.as_deref(), &link.key), (LinkStatus::Pending, None, &key(1)));
        assert_eq!((link.base, link.markdown, link.synced_at), (Base::default(), None, None));
        assert_eq!(store.link_of_issue(1, PROJECT).await.unwrap().unwrap().id, link.id);
        assert_eq!(store.link_of_issue(1, "another project").await.unwrap(), None);
        assert_eq!(store.link_of_issue(2, PROJECT).await.unwrap(), None);
    }

    async fn a_held_link_is_busy_until_released_or_past_its_lease(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let (first, second) = (lease(), lease());
        let link = hold(&store, 1, first, start()).await;
        let later = start() + 2 * MINUTE;
        let busy = store.hold_link(&key(1), second, later, start() + MINUTE / 2).await.unwrap();
        assert_eq!(busy, Held::Busy);
        assert_eq!(hold(&store, 1, first, start()).await.id, link.id, "who holds it may take it again");
        store.release_hold(link.id, second).await.unwrap();
        assert_eq!(store.hold_link(&key(1), second, later, start()).await.unwrap(), Held::Busy);
        store.release_hold(link.id, first).await.unwrap();
        assert_eq!(hold(&store, 1, second, start()).await.id, link.id);
        assert_eq!(hold(&store, 1, first, start() + 2 * MINUTE).await.id, link.id, "past its lease");
    }

    async fn a_renewed_hold_lasts_and_a_lost_one_can_not_be_renewed(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let (first, second) = (lease(), lease());
        let link = hold(&store, 1, first, start()).await;
        let renewed = store.renew_hold(link.id, first, start() + 5 * MINUTE).await.unwrap();
        assert_eq!(renewed, Save::Committed);
        let late = start() + 3 * MINUTE;
        assert_eq!(store.hold_link(&key(1), second, late, late).await.unwrap(), Held::Busy);
        hold(&store, 1, second, start() + 6 * MINUTE).await;
        assert_eq!(store.renew_hold(link.id, first, late).await.unwrap(), Save::Lost);
    }

    async fn of_many_who_want_a_link_at_once_one_gets_it(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            tasks.spawn(async move {
                store.hold_link(&key(1), lease(), start() + MINUTE, start()).await.unwrap()
            });
        }
        let held = tasks.join_all().await;
        assert_eq!(held.iter().filter(|held| **held != Held::Busy).count(), 1);
    }

    async fn a_saved_link_is_read_back_as_it_was(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let agreed = base("Grüße 🚀");
        let comments = [mirror(7), CommentLink { mirror: None, standing: CommentStanding::Pending, ..mirror(8) }];
        let saved = store.save_link(link.id, ours, &update(Some("i1"), &agreed), &comments, &[], start()).await.unwrap();
        assert_eq!(saved, Save::Committed);
        let read = store.link_of_issue(1, PROJECT).await.unwrap().unwrap();
        assert_eq!((&read.base, read.item.as_deref(), read.status), (&agreed, Some("i1"), LinkStatus::Ok));
        assert_eq!((read.markdown.as_deref(), read.synced_at), (Some("# Hello\r\n"), Some(start())));
        assert_eq!(read.github_updated_at, Some(start()));
        assert!(read.revision > link.revision);
        assert_eq!(store.comment_links(link.id).await.unwrap(), comments);
        assert_eq!(read.link().unwrap().base, agreed);
    }

    async fn a_failed_attempt_keeps_the_time_of_the_last_good_one(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let agreed = base("t");
        store.save_link(link.id, ours, &update(Some("i1"), &agreed), &[], &[], start()).await.unwrap();
        let failed = LinkUpdate { last_error: Some("Plane is down"), github_updated_at: None, ..update(Some("i1"), &agreed) };
        store.save_link(link.id, ours, &failed, &[], &[], start() + MINUTE).await.unwrap();
        let read = store.link_of_issue(1, PROJECT).await.unwrap().unwrap();
        assert_eq!((read.synced_at, read.github_updated_at), (Some(start()), Some(start())));
        assert_eq!(read.last_error.as_deref(), Some("Plane is down"));
    }

    async fn who_lost_a_link_writes_nothing(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let (late, other) = (lease(), lease());
        let link = hold(&store, 1, late, start()).await;
        let open = record(&store, &link, late, &[creation()]).await;
        hold(&store, 1, other, start() + 2 * MINUTE).await;
        let agreed = base("late");
        let end = [IntentEnd::Settled { id: open[0].id, answer: None }];
        let saved = store.save_link(link.id, late, &update(Some("i1"), &agreed), &[mirror(7)], &end, start()).await.unwrap();
        assert_eq!(saved, Save::Lost);
        assert_eq!(store.end_intents(link.id, late, &end, start()).await.unwrap(), Save::Lost);
        let write = creation();
        let intents = [NewIntent { write: &write, expected: None, cause: None }];
        let recorded = store.record_intents(link.id, late, &intents, 1, start()).await.unwrap();
        assert_eq!(recorded, Recorded::Lost);
        assert_eq!(store.open_intents_of(link.id).await.unwrap(), open);
        assert_eq!(store.comment_links(link.id).await.unwrap(), []);
        assert_eq!(store.link_of_issue(1, PROJECT).await.unwrap().unwrap().item, None);
    }

    async fn intents_are_open_until_they_end_and_keep_what_was_intended(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let label = NewLabel { name: "bug".to_owned(), color: Some("#d73a4a".to_owned()), github: None };
        let writes = [Write::CreateLabel { label }, creation()];
        let open = record(&store, &link, ours, &writes).await;
        assert_eq!(open.iter().map(|intent| &intent.write).collect::<Vec<_>>(), writes.iter().collect::<Vec<_>>());
        assert_eq!(open[1].expected.as_ref().unwrap().base, base("expected"));
        store.mark_made(open[1].id, Some("i1"), start()).await.unwrap();
        let ends = [IntentEnd::Abandoned { id: open[0].id, reason: "there already".to_owned() }];
        store.end_intents(link.id, ours, &ends, start()).await.unwrap();
        let still = store.open_intents_of(link.id).await.unwrap();
        assert_eq!(still.len(), 1);
        assert_eq!(still[0].progress, Progress::Made { answer: Some("i1".to_owned()) });
        let ends = [IntentEnd::Settled { id: still[0].id, answer: None }];
        store.save_link(link.id, ours, &update(Some("i1"), &base("t")), &[], &ends, start()).await.unwrap();
        assert_eq!(store.open_intents_of(link.id).await.unwrap(), []);
    }

    async fn twins_know_each_other(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let (github, plane) = (WorkItemRef::new("github:1"), WorkItemRef::new("plane:i1"));
        assert_eq!(store.twins_of(&github).await.unwrap(), []);
        store.save_link(link.id, ours, &update(Some("i1"), &base("t")), &[], &[], start()).await.unwrap();
        assert_eq!(store.twins_of(&github).await.unwrap(), std::slice::from_ref(&plane));
        assert_eq!(store.twins_of(&plane).await.unwrap(), std::slice::from_ref(&github));
        assert_eq!(store.links_of(&plane).await.unwrap()[0].id, link.id);
        assert_eq!(store.links_of(&github).await.unwrap()[0].id, link.id);
        assert_eq!(store.links_of(&WorkItemRef::new("plane:i2")).await.unwrap(), []);
    }

    async fn another_item_starts_with_comments_that_are_not_mirrored(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let gone = CommentLink { standing: CommentStanding::Deleted, ..mirror(8) };
        store.save_link(link.id, ours, &update(Some("i1"), &base("t")), &[mirror(7), gone.clone()], &[], start()).await.unwrap();
        store.save_link(link.id, ours, &update(Some("i1"), &base("u")), &[], &[], start()).await.unwrap();
        assert_eq!(store.comment_links(link.id).await.unwrap(), [mirror(7), gone.clone()]);
        store.save_link(link.id, ours, &update(Some("i2"), &base("v")), &[], &[], start()).await.unwrap();
        let pending = CommentLink { mirror: None, standing: CommentStanding::Pending, ..mirror(7) };
        assert_eq!(store.comment_links(link.id).await.unwrap(), [pending, gone]);
    }

    async fn a_renamed_repository_keeps_its_links(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let ours = lease();
        let link = hold(&store, 1, ours, start()).await;
        let renamed = LinkKey { repository: "octo/renamed".to_owned(), ..key(1) };
        let Held::Ours(again) = store.hold_link(&renamed, ours, start() + MINUTE, start()).await.unwrap() else {
            panic!("it is ours");
        };
        assert_eq!((again.id, again.key), (link.id, renamed));
    }
}

#[tokio::test]
async fn postgresql_holds_a_link_with_native_types() {
    let database = TestDatabase::new(Kind::Postgres).await;
    Store::open(&database.url).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&database.text).await.unwrap();
    let expected = [
        ("issue_links", "github_issue_id", "bigint"),
        ("issue_links", "base", "json"),
        ("issue_links", "synced_at", "timestamp with time zone"),
        ("comment_links", "deleted_at", "timestamp with time zone"),
        ("write_intents", "write", "json"),
    ];
    for (table, column, native) in expected {
        let found: String = sqlx::query_scalar(
            "SELECT data_type FROM information_schema.columns WHERE table_schema = 'ops' AND table_name = $1 AND column_name = $2",
        )
        .bind(table)
        .bind(column)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(found, native, "{table}.{column}");
    }
}
