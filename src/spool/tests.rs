//! What holds for the spool's files whatever happens to them.

use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::config::{Secrets, UnsignedWebhooks};
use crate::sources::github::verify::{self as github, Trust, Webhook};
use crate::sources::plane::verify::verify;
use crate::sources::{RawDelivery, Source};

type Delivery = Verified;

const MANY: u64 = 1 << 30;
const ROWS: usize = 1000;

fn now() -> Timestamp {
    "2026-11-22T02:00:00.123456Z".parse().unwrap()
}

fn delivery(id: &str, body: &str) -> Delivery {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let raw = RawDelivery {
        delivery_id: Some(id),
        signature: Some(&signature),
        event: Some("issue"),
        content_type: None,
    };
    let secrets = Secrets::new(["secret".to_owned()]);
    verify(&raw, Bytes::from(body.to_owned()), &secrets).unwrap()
}

fn item(id: &str) -> Delivery {
    delivery(id, &format!(r#"{{"event":"issue","action":"updated","data":{{"id":"{id}"}}}}"#))
}

fn of_github(id: &str, body: &str) -> Delivery {
    let raw =
        RawDelivery { delivery_id: Some(id), event: Some("issues"), ..RawDelivery::default() };
    let host = crate::config::GithubHost::default();
    let trust =
        Trust { host: &host, secrets: &Secrets::none(), unsigned: UnsignedWebhooks::Accept };
    match github::verify(&raw, Bytes::from(body.to_owned()), trust).unwrap() {
        Webhook::Delivery(verified) => *verified,
        other => panic!("{other:?}"),
    }
}

fn open(folder: &TempDir) -> Spool {
    open_with(folder, MANY)
}

fn open_with(folder: &TempDir, max_bytes: u64) -> Spool {
    wait_for_the_dead(folder);
    Spool::open(folder.path(), Admission::UpTo(max_bytes), now()).unwrap()
}

/// A spool that was just dropped may still have its lock for a moment.
fn wait_for_the_dead(folder: &TempDir) {
    let lock = own(folder).join("lock");
    while std::fs::File::open(&lock).is_ok_and(|lock| lock.try_lock().is_err()) {
        std::thread::yield_now();
    }
}

/// Where the first process has its spool.
fn own(folder: &TempDir) -> PathBuf {
    folder.path().join("1")
}

async fn append(spool: &Spool, batch: &[Verified]) -> Vec<Result<Kept, NotKept>> {
    match spool.append(batch.to_vec(), now(), When::Always).await {
        Appended::Done(fates) => fates,
        Appended::Elsewhere(_) => panic!("asked to append always"),
    }
}

async fn ids(spool: &Spool) -> Vec<String> {
    let batch = spool.next(ROWS, usize::MAX).await.unwrap();
    batch.records.iter().map(|r| r.delivery.delivery_id().to_string()).collect()
}

async fn drain(spool: &Spool) -> usize {
    let mut drained = 0;
    loop {
        let batch = spool.next(ROWS, usize::MAX).await.unwrap();
        let Some(end) = batch.end else { return drained };
        drained += batch.records.len();
        spool.remove_to(end).await;
    }
}

fn files(folder: &TempDir, extension: &str) -> Vec<PathBuf> {
    files_in(&own(folder), extension)
}

fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_was_appended_comes_back_byte_for_byte_and_in_order_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let body = r#"{"repository":{"full_name":"o/r","id":7},"issue":{"id":9},"action":"opened"}"#;
    let batch = [item("a"), of_github("b", body), item("c")];
    assert_eq!(append(&spool, &batch).await, [Ok(Kept::New), Ok(Kept::New), Ok(Kept::New)]);
    assert_eq!(append(&spool, &[item("d")]).await, [Ok(Kept::New)]);
    drop(spool);
    let spool = open(&folder);
    assert!(spool.is_spooling(), "newcomers go behind what is there");
    let state = spool.state();
    assert_eq!((state.deliveries, state.oldest), (4, Some(now())));
    let records = spool.next(ROWS, usize::MAX).await.unwrap().records;
    for (was, is) in batch.iter().zip(&records) {
        assert_eq!((is.received_at, is.delivery.body()), (now(), was.body()));
        assert_eq!(format!("{:?}", is.delivery), format!("{was:?}"));
    }
    assert_eq!(records[3].delivery.delivery_id().as_str(), "d");
    assert_eq!(records[1].delivery.source(), Source::Github);
    assert!(records[1].delivery.is_undecided());
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_is_torn_and_what_is_before_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    append(&spool, &[item("a")]).await;
    let whole = spool.state().bytes;
    append(&spool, &[item("b")]).await;
    drop(spool);
    let path = files(&folder, "segment").remove(0);
    let bytes = std::fs::read(&path).unwrap();
    for length in usize::try_from(whole).unwrap()..bytes.len() {
        let torn = tempfile::tempdir().unwrap();
        std::fs::create_dir(own(&torn)).unwrap();
        std::fs::write(own(&torn).join(path.file_name().unwrap()), &bytes[..length]).unwrap();
        let spool = open(&torn);
        assert_eq!(ids(&spool).await, ["a"], "torn at {length}");
        assert_eq!((spool.state().bytes, spool.state().damaged), (whole, 0));
        append(&spool, &[item("c")]).await;
        assert_eq!(ids(&spool).await, ["a", "c"]);
    }
}

#[tokio::test]
async fn one_wrong_byte_anywhere_costs_no_more_than_its_own_record() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    append(&spool, &[item("a"), item("b"), item("c")]).await;
    drop(spool);
    let path = files(&folder, "segment").remove(0);
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let damaged = tempfile::tempdir().unwrap();
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x20;
        std::fs::create_dir(own(&damaged)).unwrap();
        std::fs::write(own(&damaged).join(path.file_name().unwrap()), &bytes).unwrap();
        let spool = open(&damaged);
        let left = ids(&spool).await;
        let expected = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(left.len(), 2, "byte {at}: {left:?}");
        assert!(left.iter().all(|id| expected.contains(id)), "byte {at}: {left:?}");
        drain(&spool).await;
        // Only a length that reaches beyond the end looks like an append that was cut short.
        if spool.state().damaged > 0 {
            assert_eq!(files(&damaged, "damaged").len(), 1, "kept for a person, byte {at}");
        } else {
            assert_eq!(left, ["a", "b"], "byte {at}");
        }
    }
}

#[tokio::test]
async fn a_repeat_is_known_while_its_first_lies_in_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let body = r#"{"event":"issue","event_id":"e1"}"#;
    append(&spool, &[delivery("a", body)]).await;
    let same_event = delivery("c", r#"{"event":"issue","event_id":"e1","more":1}"#);
    let repeat = |fates: Vec<Result<Kept, NotKept>>| match fates.into_iter().next().unwrap() {
        Ok(Kept::Repeat(of)) => (of.of.to_string(), of.other_body),
        other => panic!("{other:?}"),
    };
    let check = async |spool: &Spool| {
        assert_eq!(repeat(append(spool, &[delivery("a", body)]).await), ("a".to_owned(), false));
        assert_eq!(repeat(append(spool, &[delivery("b", body)]).await), ("a".to_owned(), false));
        assert_eq!(
            repeat(append(spool, std::slice::from_ref(&same_event)).await),
            ("a".to_owned(), false)
        );
        assert_eq!(repeat(append(spool, &[delivery("a", "{}")]).await), ("a".to_owned(), true));
        assert_eq!(spool.state().deliveries, 1);
    };
    check(&spool).await;
    drop(spool);
    let spool = open(&folder);
    check(&spool).await;
    drain(&spool).await;
    assert_eq!(
        append(&spool, &[delivery("a", body)]).await,
        [Ok(Kept::New)],
        "the database's turn"
    );
}

#[tokio::test]
async fn github_repeats_under_the_same_id_and_may_say_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let body = r#"{"repository":{"full_name":"o/r","id":7}}"#;
    let batch = ["a", "b", "a"].map(|id| of_github(id, body));
    let fates = append(&spool, &batch).await;
    assert_eq!(fates[..2], [Ok(Kept::New), Ok(Kept::New)]);
    assert!(matches!(fates[2], Ok(Kept::Repeat(_))), "{fates:?}");
    assert_eq!(ids(&spool).await, ["a", "b"]);
}

#[tokio::test]
async fn beyond_the_bound_nothing_is_kept_and_draining_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_with(&folder, 1000);
    append(&spool, &[item("a"), item("b")]).await;
    let fates = append(&spool, &[item("c"), item("d"), item("e")]).await;
    let full = Err(NotKept::Full { max_bytes: 1000 });
    assert_eq!(fates.last(), Some(&full), "{fates:?}");
    let state = spool.state();
    assert!(state.bytes <= 1000, "{state:?}");
    let kept = 2 + fates.iter().filter(|fate| fate.is_ok()).count();
    assert_eq!(drain(&spool).await, kept);
    assert_eq!(spool.state().bytes, 0);
    assert_eq!(append(&spool, &[item("e")]).await, [Ok(Kept::New)]);
}

#[tokio::test]
async fn the_way_back_is_taken_only_when_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    assert!(!spool.is_spooling());
    let handed_back = spool.append(vec![item("a")], now(), When::Spooling).await;
    assert!(matches!(handed_back, Appended::Elsewhere(batch) if batch.len() == 1));
    append(&spool, &[item("b")]).await;
    assert!(spool.is_spooling());
    assert!(matches!(
        spool.append(vec![item("c")], now(), When::Spooling).await,
        Appended::Done(_)
    ));
    assert!(!spool.finish().await, "two wait");
    let batch = spool.next(1, usize::MAX).await.unwrap();
    spool.remove_to(batch.end.unwrap()).await;
    assert!(!spool.finish().await, "one waits");
    append(&spool, &[item("d")]).await;
    assert_eq!(ids(&spool).await, ["c", "d"]);
    drain(&spool).await;
    assert!(spool.is_spooling(), "until it is said");
    assert!(spool.finish().await);
    assert!(!spool.is_spooling());
    let SpoolState { appended, drained, deliveries, .. } = spool.state();
    assert_eq!((appended, drained, deliveries), (3, 3, 0));
}

#[tokio::test]
async fn a_file_is_removed_only_after_all_of_it_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let large =
        |id: &str| delivery(id, &format!(r#"{{"event":"{id}","x":"{}"}}"#, "x".repeat(3 << 20)));
    for id in ["a", "b", "c", "d", "e"] {
        append(&spool, &[large(id)]).await;
    }
    assert_eq!(files(&folder, "segment").len(), 3, "two large ones a file");
    let batch = spool.next(1, usize::MAX).await.unwrap();
    spool.remove_to(batch.end.unwrap()).await;
    assert_eq!(files(&folder, "segment").len(), 3);
    let batch = spool.next(2, usize::MAX).await.unwrap();
    assert_eq!(files(&folder, "segment").len(), 3, "handing out removes nothing");
    spool.remove_to(batch.end.unwrap()).await;
    assert_eq!(files(&folder, "segment").len(), 2);
    drop(spool);
    let spool = open(&folder);
    assert_eq!(ids(&spool).await, ["c", "d", "e"], "a part of a file comes again");
}

#[tokio::test]
async fn a_batch_has_at_least_one_record_and_no_more_bytes_than_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    append(&spool, &[item("a"), item("b"), item("c")]).await;
    let length = item("a").body().len();
    assert_eq!(spool.next(ROWS, 0).await.unwrap().records.len(), 1);
    assert_eq!(spool.next(ROWS, 2 * length).await.unwrap().records.len(), 2);
    assert_eq!(spool.next(2, usize::MAX).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn what_the_database_never_takes_is_kept_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    append(&spool, &[item("a")]).await;
    let mut batch = spool.next(ROWS, usize::MAX).await.unwrap();
    spool.set_aside(batch.records.remove(0)).await.unwrap();
    spool.remove_to(batch.end.unwrap()).await;
    assert!(spool.finish().await, "it holds nobody up");
    assert_eq!((files(&folder, "refused").len(), spool.state().set_aside), (1, 1));
}

#[tokio::test]
async fn two_processes_have_a_folder_each_that_nobody_else_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let open = || Spool::open(&path, Admission::UpTo(MANY), Clock::System.now()).unwrap();
    let (first, second) = (open(), open());
    assert_eq!(append(&first, &[item("a")]).await, [Ok(Kept::New)]);
    assert_eq!(append(&second, &[item("b")]).await, [Ok(Kept::New)]);
    assert_eq!((ids(&first).await, ids(&second).await), (vec!["a".into()], vec!["b".into()]));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for number in ["1", "2"] {
        assert_eq!(mode(&path.join(number)), 0o700);
        for entry in std::fs::read_dir(path.join(number)).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }
}

#[tokio::test]
async fn what_a_dead_process_left_is_taken_over_by_a_start_and_by_whoever_has_emptied_his_own() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Spool::open(folder.path(), Admission::UpTo(MANY), now()).unwrap();
    let (first, second) = (open(), open());
    append(&first, &[item("a")]).await;
    append(&second, &[item("b")]).await;
    assert_eq!(drain(&second).await, 1);
    assert!(second.finish().await, "what a living process has is its own");
    drop(first);
    wait_for_the_dead(&folder);
    assert!(!second.finish().await, "it is ours now");
    assert_eq!(ids(&second).await, ["a"]);
    assert_eq!((files(&folder, "segment").len(), second.state().deliveries), (0, 1));
    let third = open();
    assert!(!third.is_spooling(), "the second one has it");
    drop(second);
    let second = folder.path().join("2").join("lock");
    while std::fs::File::open(&second).is_ok_and(|lock| lock.try_lock().is_err()) {
        std::thread::yield_now();
    }
    drop(third);
    wait_for_the_dead(&folder);
    let fourth = open();
    assert!(fourth.is_spooling());
    append(&fourth, &[item("c")]).await;
    assert_eq!(ids(&fourth).await, ["a", "c"]);
    let repeat = append(&fourth, &[item("a")]).await;
    assert!(matches!(repeat[..], [Ok(Kept::Repeat(_))]), "{repeat:?}");
}
