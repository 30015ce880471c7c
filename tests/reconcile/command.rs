//! `jetbridge reconcile` beside a running service, and the schedule within one.

use std::process::{Command, Stdio};
use std::time::Duration;

use jetbridge::jobs::reconcile::schedule::Schedule;
use jetbridge::sim::github::NewIssue;
use jetbridge::store::audit::AuditFilter;

use crate::ground::{connected, drift, job, ledger, lose, requests};
use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, TOKEN, World};

async fn with_an_issue() -> World {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("One")).unwrap();
    world.settle().await;
    world
}

/// The binary on the same database, configured by its environment: status, output, errors.
async fn run(world: &World, arguments: &[&str], token: &str) -> (i32, String, String) {
    let plane = &world.config.plane;
    let mut command = Command::new(env!("CARGO_BIN_EXE_jetbridge"));
    command.arg("reconcile").args(arguments).env_clear().stdin(Stdio::null());
    command.current_dir(world.folder());
    command.env("JETBRIDGE_DATABASE_URL", world.database_text());
    command.env("JETBRIDGE_GITHUB_API_URL", &world.config.github.api_url);
    command.env("JETBRIDGE_GITHUB_TOKEN", token);
    command.env("JETBRIDGE_PLANE_API_URL", plane.api_url.as_ref().unwrap());
    command.env("JETBRIDGE_PLANE_API_KEY", world.plane.api_key());
    command.env("JETBRIDGE_PLANE_WORKSPACE", plane.workspace.as_ref().unwrap());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_tells_what_differs_puts_it_in_and_proves_it_mended() {
    let world = with_an_issue().await;
    let (status, out, err) = run(&world, &[], TOKEN).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("octo/hello: in sync 100 %; 1 issues"), "{out}");
    lose(&world, 1);
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Renamed").unwrap();
    connected(&world).await;
    let (status, out, _) = run(&world, &["--dry-run"], TOKEN).await;
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("octo/hello#1 title differ here"), "{out}");
    assert!(out.contains("1 deliveries would be put in"), "{out}");
    let (status, out, err) = run(&world, &["--repository", REPOSITORY], TOKEN).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("in sync 100 %") && out.contains("1 deliveries were put in"), "{out}");
    world.assert_equal();
    let audit = world.store.audit_log(&AuditFilter::default(), None, 10).await.unwrap();
    let deeds: Vec<_> = audit.iter().map(|row| row.entry.action.as_str()).collect();
    assert_eq!(deeds.iter().filter(|deed| **deed == "compare both sides").count(), 2, "{deeds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_works_the_command_says_so_after_some_seconds() {
    let mut world = with_an_issue().await;
    lose(&world, 1);
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Renamed").unwrap();
    connected(&world).await;
    world.stop().await;
    let begun = std::time::Instant::now();
    let (status, out, err) = run(&world, &[], TOKEN).await;
    assert_eq!(status, 1, "{out}");
    assert!(err.contains("have jetbridge serve run"), "{err}");
    assert!(begun.elapsed() < Duration::from_mins(2), "it does not wait for nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_the_command_says_what_to_set() {
    let world = with_an_issue().await;
    let (status, out, err) = run(&world, &[], "").await;
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("set github.token") && err.lines().count() == 1, "{err}");
    let (status, _, err) = run(&world, &["--repository", "octo/nowhere"], TOKEN).await;
    assert_eq!(status, 1);
    assert!(err.contains("jetbridge repo add octo/nowhere"), "{err}");
}

#[tokio::test]
async fn a_repository_that_is_due_is_compared_once_and_proved_mended_soon() {
    let world = with_an_issue().await;
    lose(&world, 1);
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Renamed").unwrap();
    connected(&world).await;
    let every = Duration::from_hours(6);
    let (one, other) = (Schedule::new(job(&world), every), Schedule::new(job(&world), every));
    assert_eq!(one.turn().await.unwrap(), 1);
    let asked = requests(&world);
    assert_eq!((one.turn().await.unwrap(), other.turn().await.unwrap()), (0, 0), "nothing is due");
    world.quiet().await;
    world.assert_equal();
    assert_eq!(drift(&world).await.len(), 1, "nobody has looked since");
    // A period of no length is always over.
    let hasty = Schedule::new(job(&world), Duration::ZERO);
    assert_eq!(hasty.turn().await.unwrap(), 1);
    assert_eq!(ledger(&world).await.differing, 0);
    assert_ne!(requests(&world), asked);
}
